/** One question and its answer. */

import { type ChatMessage, FinishReason, type Job, type JobState, JobStatus, Role } from "@streamsvc/client";
import { useJob } from "@streamsvc/client/react";

import { inWords } from "./errors.js";
import { Part, Steps } from "./parts.js";
import { Questions } from "./questions.js";
import { Rate } from "./rate.js";

/** A job as people know it from chats. */
export function Turn({ job }: { readonly job: Job }) {
  const snapshot = useJob(job.id);
  if (!snapshot) return null;
  const { state, status, error } = snapshot;
  const running = status !== "ended";
  return (
    <article
      className={goesOn(state) ? "turn goes-on" : "turn"}
      data-job={job.id}
      data-status={status}
      data-offset={state.offset}
      aria-busy={running}
    >
      <Question message={state.input.findLast(({ role }) => role === Role.USER)} />
      <div className="answer">
        <Steps steps={state.steps} />
        {state.parts.map((part) => (
          <Part key={part.index} part={part} running={running} />
        ))}
        {running && <span className="caret" aria-hidden="true" />}
        <Questions snapshot={snapshot} />
        {error ? <p className="note bad">{inWords(error)}</p> : <Ending state={state} />}
        <footer>
          <span>{state.job?.model}</span>
          <Rate state={state} live={status === "live"} />
        </footer>
      </div>
    </article>
  );
}

function Question({ message }: { readonly message: ChatMessage | undefined }) {
  const text = message?.parts.map(({ kind }) => (kind.case === "text" ? kind.value.text : "")).join("\n");
  return text ? <p className="question">{text}</p> : null;
}

/** Whether it answers no new question, but goes on after people were asked. */
function goesOn({ answers }: JobState): boolean {
  return answers.length > 0;
}

/** Why there is no more, where that is not plain. */
function Ending({ state: { job } }: { readonly state: JobState }) {
  if (job?.status === JobStatus.CANCELLED) return <p className="note">Stopped.</p>;
  if (job?.status === JobStatus.FAILED) return <p className="note bad">{job.error?.message}</p>;
  if (job?.finishReason === FinishReason.LENGTH) return <p className="note">It reached the longest answer allowed.</p>;
  return null;
}
