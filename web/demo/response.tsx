/** Where a person answers a question in words, by a choice or by a number. */

import { InputDecision } from "@streamsvc/client";
import { useState } from "react";

import type { Decided } from "./decisions.js";
import { Field } from "./field.js";
import { answerIn, wantedBy } from "./wanted.js";

const { REJECT, RESPOND } = InputDecision;

interface Props {
  readonly schemaJson: string;
  /** The id of the question's words. */
  readonly labelledBy: string;
  /** Whether a person may say nothing to it. */
  readonly declinable: boolean;
  readonly decide: (decided: Decided) => void;
}

/** The answer is sent by a button, and by Enter where that begins no new line. */
export function Response({ schemaJson, labelledBy, declinable, decide }: Props) {
  const [text, setText] = useState("");
  const wanted = wantedBy(schemaJson);
  const json = answerIn(text, wanted);
  const send = () => json !== undefined && decide({ decision: RESPOND, json, comment: "" });
  return (
    <form onSubmit={(event) => (event.preventDefault(), send())}>
      <Field {...{ wanted, labelledBy, text }} name={labelledBy} change={setText} />
      <div className="decide">
        <button type="submit" className="send" disabled={json === undefined}>
          Answer
        </button>
        {declinable && (
          <button
            type="button"
            className="plain no"
            onClick={() => decide({ decision: REJECT, json: "", comment: "" })}
          >
            Reject
          </button>
        )}
      </div>
    </form>
  );
}
