/** What people are asked under an answer, and what they have said. */

import { answeredIn, type AskingSnapshot } from "@streamsvc/client";
import { useEffect, useState } from "react";

import { Asked } from "./asked.js";
import type { Decided } from "./decisions.js";
import { inWords } from "./errors.js";

/** After so long a person wants to know why nothing happens. */
const SLOW_MS = 2_000;

type Stage = "" | "sending" | "slow" | "sent" | "lost";

const NEWS: Partial<Record<Stage, string>> = {
  sending: "Sending …",
  slow: "Not sent yet. It goes out as soon as there is a connection.",
};

/** The questions of a job are answered together: what is decided waits until all are, and then goes out at once. */
export function Questions({ snapshot: { questions, state, answer } }: { readonly snapshot: AskingSnapshot }) {
  const [decided, setDecided] = useState<ReadonlyMap<string, Decided>>(new Map());
  const { sending, news, failed, lost, send } = useSending(answer);
  const open = questions.filter((question) => question.open);
  const decide = (id: string, decision: Decided | undefined) => {
    const all = changed(decided, id, decision);
    setDecided(all);
    if (!open.every(({ request }) => all.has(request.id))) return;
    const answers = open.map(({ request }) => ({ inputRequestId: request.id, ...all.get(request.id) }));
    void send(answers).then((went) => went || setDecided(changed(all, id, undefined)));
  };
  if (questions.length === 0) return null;
  return (
    <div className="questions">
      {questions.map((question) => (
        <Asked
          key={question.request.id}
          question={question}
          parts={state.parts}
          decided={decided.get(question.request.id)}
          {...{ sending, lost }}
          decide={(decision) => decide(question.request.id, decision)}
        />
      ))}
      <p className="note" role="status">
        {news}
      </p>
      <p className="note bad" role="alert">
        {failed}
      </p>
    </div>
  );
}

/** Sends answers, and says how far that has come. `lost`: somebody else was first. */
function useSending(answer: AskingSnapshot["answer"]) {
  const [stage, setStage] = useState<Stage>("");
  const [failed, setFailed] = useState("");
  useEffect(() => {
    if (stage !== "sending") return undefined;
    const timer = setTimeout(() => setStage("slow"), SLOW_MS);
    return () => clearTimeout(timer);
  }, [stage]);
  const send = async (answers: Parameters<typeof answer>[0]): Promise<boolean> => {
    setStage("sending");
    setFailed("");
    try {
      await answer(answers);
      setStage("sent");
      return true;
    } catch (error) {
      const lost = answeredIn(error) !== undefined;
      setStage(lost ? "lost" : "");
      if (!lost) setFailed(inWords(error));
      return lost;
    }
  };
  // What was sent stays closed until it is told what was answered.
  return { sending: stage !== "", news: NEWS[stage], lost: stage === "lost", failed, send };
}

function changed(all: ReadonlyMap<string, Decided>, id: string, decision: Decided | undefined) {
  const others = [...all].filter(([one]) => one !== id);
  return new Map(decision ? [...others, [id, decision]] : others);
}
