/** Where a person asks, and stops an answer. */

import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

import { MODELS, type Model } from "./models.js";

interface Props {
  readonly ask: (prompt: string, model: Model) => Promise<void>;
  /** Stops the answer that is under way; without one there is nothing to stop. */
  readonly stop?: () => Promise<void>;
  readonly badge: ReactNode;
}

/** Enter asks, Shift and Enter begins a new line. */
export function Composer({ ask, stop, badge }: Props) {
  const [text, setText] = useState("");
  const [model, setModel] = useState<Model>(MODELS[0]);
  const { failed, busy, run } = useAttempt();
  const box = useRef<HTMLTextAreaElement>(null);
  const send = () => {
    const prompt = text.trim();
    if (!prompt || stop || busy) return;
    void run(() => ask(prompt, model)).then((went) => went && setText(""));
    box.current?.focus();
  };
  const typed = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <p className="note bad" role="alert">
        {failed}
      </p>
      <div className="box">
        <textarea
          ref={box}
          aria-label="Your question"
          placeholder="Ask something"
          rows={2}
          value={text}
          autoFocus
          onChange={(event) => setText(event.target.value)}
          onKeyDown={typed}
        />
        <div className="bar">
          <select
            aria-label="Model"
            value={model.name}
            onChange={(event) => setModel(MODELS.find(({ name }) => name === event.target.value) ?? MODELS[0])}
          >
            {MODELS.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
          {badge}
          {stop ? (
            <button type="button" className="stop" onClick={() => void run(stop)}>
              Stop
            </button>
          ) : (
            <button type="submit" className="send" disabled={!text.trim() || busy}>
              Send
            </button>
          )}
        </div>
      </div>
    </form>
  );
}

/** Runs one thing at a time, and says why it failed. */
function useAttempt() {
  const [failed, setFailed] = useState("");
  const [busy, setBusy] = useState(false);
  const run = async (attempt: () => Promise<void>): Promise<boolean> => {
    setBusy(true);
    setFailed("");
    try {
      await attempt();
      return true;
    } catch (error) {
      setFailed((error as Error).message);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { failed, busy, run };
}
