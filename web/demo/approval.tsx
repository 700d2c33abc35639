/** The buttons with which a person lets a tool run, with its arguments or with others, or does not. */

import { InputDecision } from "@streamsvc/client";
import { type RefObject, useRef, useState } from "react";

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
  const editButton = useRef<HTMLButtonElement>(null);
  const decideOn = (decision: InputDecision, json = "") => decide({ decision, json, comment: comment.trim() });
  const valid = edited !== undefined && mistakeIn(edited) === undefined;
  const stopEditing = () => {
    edit(undefined);
    requestAnimationFrame(() => editButton.current?.focus());
  };
  return (
    <>
      {edited !== undefined && <Edited text={edited} change={edit} cancel={stopEditing} />}
      <input
        type="text"
        aria-label="Comment"
        placeholder="Comment, if there is something to say"
        maxLength={LONGEST_COMMENT}
        value={comment}
        onChange={({ target }) => setComment(target.value)}
      />
      <div className="decide">
        {edited === undefined ? (
          <>
            {allowed.has(APPROVE) && <Button kind="send" name="Approve" press={() => decideOn(APPROVE)} />}
            {allowed.has(EDIT) && (
              <Button kind="plain" name="Edit" itself={editButton} press={() => edit(pretty(argumentsJson))} />
            )}
            {allowed.has(REJECT) && <Button kind="plain no" name="Reject" press={() => decideOn(REJECT)} />}
          </>
        ) : (
          <>
            <Button kind="send" name="Approve changes" disabled={!valid} press={() => decideOn(EDIT, edited)} />
            <Button kind="plain" name="Cancel" press={stopEditing} />
          </>
        )}
      </div>
    </>
  );
}

interface ButtonProps {
  readonly kind: "send" | "plain" | "plain no";
  readonly name: string;
  readonly press: () => void;
  readonly disabled?: boolean;
  readonly itself?: RefObject<HTMLButtonElement | null>;
}

function Button({ kind, name, press, disabled = false, itself }: ButtonProps) {
  return (
    <button type="button" className={kind} disabled={disabled} onClick={press} {...(itself && { ref: itself })}>
      {name}
    </button>
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
