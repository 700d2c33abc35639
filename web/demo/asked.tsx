/** One question: what it is about, where it is answered, and what was decided. */

import { type ContentPart, InputDecision, type InputRequest, type Question } from "@streamsvc/client";
import { type RefObject, useEffect, useId, useRef } from "react";

import { Approval } from "./approval.js";
import { allowedBy, type Decided, Decision, decisionInWords } from "./decisions.js";
import { pretty } from "./json.js";
import { Response } from "./response.js";

const { APPROVE, EDIT, REJECT, RESPOND } = InputDecision;
/** What comes below is what a person wants to see next. */
const STAY = { preventScroll: true };

interface Props {
  readonly question: Question;
  /** Of the answer that asks. */
  readonly parts: readonly ContentPart[];
  /** What was decided here and is not known to be the answer yet. */
  readonly decided: Decided | undefined;
  readonly sending: boolean;
  /** Whether somebody else was first. */
  readonly lost: boolean;
  /** Nothing takes a decision back. */
  readonly decide: (decided: Decided | undefined) => void;
}

/** It stays when it is answered, with what was decided. */
export function Asked({ question, parts, decided, sending, lost, decide }: Props) {
  const { request, open, answer } = question;
  const words = useId();
  const section = useKeptFocus(open);
  const { title, json, approval } = subject(request, parts);
  const decideHere = (decision: Decided) => {
    section.current?.focus(STAY);
    decide(decision);
  };
  return (
    <section className="ask" ref={section} tabIndex={-1} aria-labelledby={words} data-open={open}>
      <h3 id={words}>{request.message || (approval ? "May this be done?" : "What do you say?")}</h3>
      {title && <p className="tool-name">{title}</p>}
      {json && (
        <pre tabIndex={0} aria-label="Arguments">
          {pretty(json)}
        </pre>
      )}
      {open && (
        <fieldset disabled={sending || decided !== undefined}>
          <Choices request={request} labelledBy={words} argumentsJson={json} decide={decideHere} />
        </fieldset>
      )}
      {open && decided && !sending && <Waiting decided={decided} change={() => decide(undefined)} />}
      {answer && <Decision decided={answer} prefix={lost ? "answered in another tab: " : ""} />}
      {!answer && question.answeredIn && <p className="note">This is not asked any more.</p>}
    </section>
  );
}

interface ChoicesProps {
  readonly request: InputRequest;
  readonly labelledBy: string;
  readonly argumentsJson: string;
  readonly decide: (decided: Decided) => void;
}

function Choices({ request, labelledBy, argumentsJson, decide }: ChoicesProps) {
  const allowed = allowedBy(request);
  const approval = isApproval(request);
  const declinable = allowed.has(REJECT) && !approval;
  return (
    <>
      {allowed.has(RESPOND) && <Response schemaJson={request.schemaJson} {...{ labelledBy, declinable, decide }} />}
      {approval && <Approval {...{ allowed, argumentsJson, decide }} />}
    </>
  );
}

function Waiting({ decided, change }: { readonly decided: Decided; readonly change: () => void }) {
  return (
    <p className="note">
      To be {decisionInWords(decided)}: this goes out together with the other answers.{" "}
      <button type="button" className="plain" onClick={change}>
        Change
      </button>
    </p>
  );
}

/**
 * The section that takes the focus over from what is in it and goes when it is closed, as when another tab answers:
 * without that the keyboard would begin at the top of the page again.
 */
function useKeptFocus(open: boolean): RefObject<HTMLElement | null> {
  const section = useRef<HTMLElement>(null);
  const focused = useRef(false);
  useEffect(() => {
    const moved = () => (focused.current = section.current?.contains(document.activeElement) ?? false);
    document.addEventListener("focusin", moved);
    return () => document.removeEventListener("focusin", moved);
  }, []);
  useEffect(() => {
    if (!open && focused.current) section.current?.focus(STAY);
  }, [open]);
  return section;
}

/** What is asked about: a call of a tool, or what the producer tells of it. */
function subject(request: InputRequest, parts: readonly ContentPart[]) {
  const { kind } = parts[request.partIndex ?? -1] ?? {};
  const approval = isApproval(request);
  if (kind?.case !== "toolCall") return { title: "", json: request.detailJson, approval };
  const { title, name, argumentsJson } = kind.value;
  return { title: title || name, json: argumentsJson, approval };
}

function isApproval(request: InputRequest): boolean {
  const allowed = allowedBy(request);
  return allowed.has(APPROVE) || allowed.has(EDIT);
}
