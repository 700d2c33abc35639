/** The buttons with which a person lets a tool run, with its arguments or with others, or does not. */

import { InputDecision } from "@streamsvc/client";
import { useRef, useState } from "react";

import type { Decided } from "./decisions.js";
import { mistakeIn, pretty } from "./json.js";

const { APPROVE, REJECT, EDIT } = InputDecision;
/** What the service takes. */
const LONGEST_COMMENT = 2000;

interface Props {
  readonly allowed: ReadonlySet<InputDecision>;
  readonly argumentsJson: string;
  readonly decide: (decided: Decided) => void;
}

/** Enter in the comment decides nothing: what cannot be taken back wants a button. */
export function Approval({ allowed, argumentsJson, decide }: Props) {
  const [comment, setComment] = useState("");
  const [edited, edit] = useState<string>();
  const editing = useRef<HTMLButtonElement>(null);
  const decideOn = (decision: InputDecision, json = "") => decide({ decision, json, comment: comment.trim() });
  const stopEditing = () => {
    edit(undefined);
    requestAnimationFrame(() => editing.current?.focus());
  };
  return (
    <>
      {edited !== undefined && <Edited text={edited} change={edit} cancel={stopEditing} />}
      <input
        type="text"
        className="comment"
        aria-label="Comment"
        placeholder="Comment, if there is something to say"
        maxLength={LONGEST_COMMENT}
        value={comment}
        onChange={({ target }) => setComment(target.value)}
      />
      <div className="decide">
        {edited !== undefined ? (
          <>
            <button
              type="button"
              className="send"
              disabled={mistakeIn(edited) !== undefined}
              onClick={() => decideOn(EDIT, edited)}
            >
              Approve changes
            </button>
            <button type="button" className="plain" onClick={stopEditing}>
              Cancel
            </button>
          </>
        ) : (
          <>
            {allowed.has(APPROVE) && (
              <button type="button" className="send" onClick={() => decideOn(APPROVE)}>
                Approve
              </button>
            )}
            {allowed.has(EDIT) && (
              <button type="button" className="plain" ref={editing} onClick={() => edit(pretty(argumentsJson))}>
                Edit
              </button>
            )}
            {allowed.has(REJECT) && (
              <button type="button" className="plain no" onClick={() => decideOn(REJECT)}>
                Reject
              </button>
            )}
          </>
        )}
      </div>
    </>
  );
}

interface EditedProps {
  readonly text: string;
  readonly change: (text: string) => void;
  readonly cancel: () => void;
}

function Edited({ text, change, cancel }: EditedProps) {
  const mistake = mistakeIn(text);
  return (
    <>
      <textarea
        className="json"
        aria-label="Arguments"
        aria-invalid={mistake !== undefined}
        rows={Math.min(16, text.split("\n").length + 1)}
        spellCheck={false}
        autoFocus
        value={text}
        onChange={({ target }) => change(target.value)}
        onKeyDown={({ key }) => key === "Escape" && cancel()}
      />
      <p className="note bad" role="alert">
        {mistake && `This is no JSON: ${mistake}`}
      </p>
    </>
  );
}
