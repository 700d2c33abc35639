/** A message, part by part, as the AI SDK's guides show it. */

import type { UIMessage } from "ai";

type Part = UIMessage["parts"][number];

export interface Answering {
  /** What a person decided about the call of a tool. */
  readonly answer: (answer: { id: string; approved: boolean }) => void;
}

export function Message({ message, answer }: { readonly message: UIMessage } & Answering) {
  return (
    <article className={message.role} data-message={message.id}>
      <h2>{message.role === "user" ? "You" : "AI"}</h2>
      {message.parts.map((part, index) => (
        <Shown key={index} part={part} answer={answer} />
      ))}
    </article>
  );
}

function Shown({ part, answer }: { readonly part: Part } & Answering) {
  if (part.type === "text" || part.type === "reasoning") {
    return (
      <p className="part" data-part={part.type}>
        {part.text}
      </p>
    );
  }
  if (part.type === "file") return <img className="part" data-part="file" src={part.url} alt={part.mediaType} />;
  if (part.type === "source-url") {
    return (
      <p className="source">
        <a href={part.url}>{part.title ?? part.url}</a>
      </p>
    );
  }
  return "toolCallId" in part ? <Tool part={part} answer={answer} /> : null;
}

function Tool({ part, answer }: { readonly part: Extract<Part, { toolCallId: string }> } & Answering) {
  const asked = part.state === "approval-requested" ? part.approval.id : undefined;
  return (
    <div className="part tool" data-part={part.type} data-state={part.state}>
      <code>
        {[part.input, part.output].flatMap((value) => (value == null ? [] : [JSON.stringify(value)])).join(" → ")}
      </code>
      {asked && (
        <>
          <button onClick={() => answer({ id: asked, approved: true })}>Approve</button>
          <button onClick={() => answer({ id: asked, approved: false })}>Reject</button>
        </>
      )}
    </div>
  );
}
