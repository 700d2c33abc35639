// @vitest-environment happy-dom
/** Jobs and conversations in React components. */

import { act, createElement, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { StreamsvcClient } from "../../src/client.js";
import { InputDecision } from "../../src/gen/streamsvc/v1/content_pb.js";
import { StreamsvcContext, useConversation, useJob, useKeptJob } from "../../src/react.js";
import { eventually } from "../support/eventually.js";
import { clientOf } from "../support/scripted.js";
import { FakeService } from "../support/service.js";

vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);

let service: FakeService;
let client: StreamsvcClient;
let root: Root;
const place = document.createElement("div");

beforeEach(() => {
  service = new FakeService();
  service.begin("a", "c");
  client = clientOf(service.transport, { shareAcrossTabs: false });
  root = createRoot(place);
});
afterEach(async () => {
  act(() => root.unmount());
  await eventually(() => expect(service.open.size).toBe(0));
});

/** Shows a component, as in development: mounted, unmounted and mounted again. */
function show(component: () => string): void {
  const whole = createElement(StreamsvcContext.Provider, { value: client }, createElement(component));
  act(() => root.render(createElement(StrictMode, null, whole)));
}

async function shows(text: string): Promise<void> {
  await eventually(async () => {
    await act(async () => {});
    expect(place.textContent).toBe(text);
  });
}

function textOf(answer: ReturnType<typeof useJob>): string {
  const { value } = answer?.state.parts[0]?.kind ?? {};
  return `${answer?.status}: ${(value as { text: string } | undefined)?.text}`;
}

test("a job", async () => {
  service.text("a", "one ");
  show(() => textOf(useJob("a")));
  await shows("live: one ");
  service.cut();
  service.text("a", "two");
  service.end("a");
  await shows("ended: one two");
  expect(service.made).toBe(2);
});

test("no job", async () => {
  show(() => textOf(useJob(undefined)));
  await shows("undefined: undefined");
});

test("a conversation shows the answer that was begun elsewhere, and keeps it when it has ended", async () => {
  show(() => {
    const { jobs, caughtUp, answer } = useConversation("c");
    return `${jobs.map(({ id }) => id).join()} ${caughtUp} ${textOf(answer)}`;
  });
  await shows("a true live: ");
  service.begin("b", "c");
  service.text("b", "hello");
  await shows("b,a true live: hello");
  service.end("b");
  await shows("b,a true ended: hello");
});

test("a question of a job that has ended is found, and its answer leads to the next job", async () => {
  service.ask("a", { id: "q" });
  let approve: (() => Promise<unknown>) | undefined;
  show(() => {
    const { answer } = useConversation("c");
    const [question] = answer?.questions ?? [];
    const decision = InputDecision.APPROVE;
    if (question?.open) approve = () => answer!.answer([{ inputRequestId: question.request.id, decision }]);
    return `${answer?.state.job?.previousJobId} ${question?.open} ${textOf(answer)}`;
  });
  await shows(" true ended: ");
  await act(async () => void (await approve?.()));
  const { requestId } = service.asked[0]!;
  service.text(requestId, "approved");
  await shows("a undefined live: approved");
});

test("the job that is kept", async () => {
  sessionStorage.setItem("chat", "a");
  let set: (id: string | undefined) => void = () => {};
  show(() => {
    const [jobId, setJobId] = useKeptJob("chat");
    set = setJobId;
    return `${jobId} ${textOf(useJob(jobId))}`;
  });
  await shows("a live: ");
  act(() => set(undefined));
  await shows("undefined undefined: undefined");
  expect(sessionStorage.getItem("chat")).toBeNull();
});
