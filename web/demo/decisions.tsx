/** What people decide, and how the page speaks of it. */

import { type InputAnswer, InputDecision, type InputRequest } from "@streamsvc/client";

import { plain, pretty } from "./json.js";

const { APPROVE, REJECT, EDIT, RESPOND } = InputDecision;

/** A decision that is not sent yet. */
export type Decided = Pick<InputAnswer, "decision" | "json" | "comment">;

/** The decisions that a question allows, or those that make sense where it allows all. */
export function allowedBy({ decisions, type, partIndex }: InputRequest): ReadonlySet<InputDecision> {
  if (decisions.length > 0) return new Set(decisions);
  return new Set(type === "tool_approval" || partIndex !== undefined ? [APPROVE, EDIT, REJECT] : [RESPOND]);
}

/** What was decided, in words. */
export function decisionInWords({ decision }: Decided): string {
  if (decision === APPROVE) return "approved";
  if (decision === REJECT) return "rejected";
  return decision === EDIT ? "approved with changes" : "answered";
}

/** What was decided, and all that was said with it. */
export function Decision({ decided, prefix = "" }: { readonly decided: Decided; readonly prefix?: string }) {
  const { decision, json, comment } = decided;
  const words = prefix + decisionInWords(decided);
  return (
    <div className={decision === REJECT ? "decision no" : "decision"}>
      <p>
        <strong>{words.charAt(0).toUpperCase() + words.slice(1)}</strong>
        {comment && <>: {comment}</>}
      </p>
      {decision === RESPOND && <p className="said">{plain(json)}</p>}
      {decision === EDIT && <pre tabIndex={0}>{pretty(json)}</pre>}
    </div>
  );
}
