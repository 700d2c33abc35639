/** The agent whose runs are jobs, as AG-UI's client runs it. */

import { expect, test } from "vitest";

import { StreamsvcAgent } from "../../src/ag-ui/agent.js";
import { final, part, text } from "../support/events.js";
import { CUT, clientOf, fails, hangs, says, scripted } from "../support/scripted.js";

const CREATED = { offset: 1, payload: { case: "jobCreated", value: { job: { id: "j" } } } } as const;
const ASKED = { id: "u", role: "user", content: "Count" } as const;

function agentOf(...scripts: Parameters<typeof scripted>) {
  const { transport, calls } = scripted(...scripts);
  const started: string[] = [];
  const start = async ({ runId }: { runId: string }) => {
    started.push(runId);
    return "j";
  };
  return {
    agent: new StreamsvcAgent({ client: clientOf(transport), start, initialMessages: [ASKED] }),
    started,
    calls,
  };
}

test("a run is the job that was started for it, also over a connection that breaks", async () => {
  const { agent, started } = agentOf(
    fails(CUT, { epoch: "e", events: [CREATED, part(2), text(3)] }),
    says({ epoch: "e", lastOffset: 5, closed: true, events: [text(4), final(5)] }),
  );
  await agent.runAgent({ runId: "r" });
  expect(started).toEqual(["r"]);
  expect(agent.messages).toEqual([ASKED, { id: "j-text-0", role: "assistant", content: "3 4 " }]);
});

test("a copy of the agent runs too, and who stops it leaves the job", async () => {
  const { agent, calls } = agentOf(hangs({ epoch: "e", events: [CREATED, part(2), text(3)] }));
  const copy = agent.clone();
  const seen = new Promise<void>((resolve) => {
    copy.subscribe({ onTextMessageContentEvent: () => resolve() });
  });
  const running = copy.runAgent({ runId: "r" });
  await seen;
  copy.abortRun();
  await running;
  expect(copy.messages.at(-1)).toEqual({ id: "j-text-0", role: "assistant", content: "3 " });
  expect(calls.open.size).toBe(0);
});
