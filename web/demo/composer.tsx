/** Where a person asks, and stops an answer. */

import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

import { inWords } from "./errors.js";
import { type Model, useModels } from "./models.js";

interface Props {
  readonly ask: (prompt: string, model: Model) => Promise<void>;
  /** Stops the answer that is under way; without one there is nothing to stop. */
  readonly stop?: () => Promise<void>;
  readonly badge: ReactNode;
}

/** Enter asks, Shift and Enter begins a new line. */
export function Composer({ ask, stop, badge }: Props) {
  const [text, setText] = useState("");
  const models = useModels();
  const [chosen, choose] = useState("");
  const model = models.find(({ name }) => name === chosen) ?? models[0];
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
          <ModelChoice models={models} model={model} choose={choose} />
          {badge}
          {stop ? <StopButton stop={() => void run(stop)} /> : <SendButton disabled={!text.trim() || busy} />}
        </div>
      </div>
    </form>
  );
}

function StopButton({ stop }: { readonly stop: () => void }) {
  return (
    <button type="button" className="stop" onClick={stop}>
      Stop
    </button>
  );
}

function SendButton({ disabled }: { readonly disabled: boolean }) {
  return (
    <button type="submit" className="send" disabled={disabled}>
      Send
    </button>
  );
}

interface Choice {
  readonly models: readonly Model[];
  readonly model: Model;
  readonly choose: (name: string) => void;
}

function ModelChoice({ models, model, choose }: Choice) {
  return (
    <select aria-label="Model" value={model.name} onChange={(event) => choose(event.target.value)}>
      {models.map(({ name }) => (
        <option key={name}>{name}</option>
      ))}
    </select>
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
      setFailed(inWords(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { failed, busy, run };
}
