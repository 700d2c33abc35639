// @vitest-environment happy-dom
/** The transport of chats: what is one job, what stops it and what does not. */

import { useChat } from "@ai-sdk/react";
import type { AbstractChat, UIMessage } from "ai";
import { act, createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { beforeEach, describe, expect, test, vi } from "vitest";

import { useLiveChat } from "../../src/ai/react.js";
import { StreamsvcTransport } from "../../src/ai/transport.js";
import { CHATS, follow, WaitingService } from "../support/ai-service.js";
import { eventually } from "../support/eventually.js";
import type { StartGenerationRequest } from "../../src/gen/streamsvc/v1/job_service_pb.js";
import { clientOf } from "../support/scripted.js";

vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);

let service: WaitingService;
let transport: StreamsvcTransport;

beforeEach(() => {
  service = new WaitingService();
  transport = new StreamsvcTransport(clientOf(service.transport, { shareAcrossTabs: false }));
});

const textOf = (messages: readonly UIMessage[]) =>
  messages
    .at(-1)
    ?.parts.flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join();

const says = (chat: AbstractChat<UIMessage>, text: string) =>
  eventually(() => expect(textOf(chat.messages)).toBe(text));

describe.each(CHATS)("ai %s", (_, chatOn) => {
  test("Stop cancels the job, and then its last words are there", async () => {
    const chat = chatOn(transport);
    const leave = follow(transport, chat);
    void chat.sendMessage({ text: "Hello" });
    await says(chat, "word");
    await chat.stop();
    await says(chat, "word and the last");
    expect(service.cancelled).toHaveLength(1);
    expect(chat.status).toBe("ready");
    leave();
  });

  test("a chat that resumes twice stops nothing", async () => {
    const [asking, chat] = [chatOn(transport), chatOn(transport)];
    void asking.sendMessage({ text: "Hello" });
    await says(asking, "word");
    const leave = follow(transport, chat);
    void chat.resumeStream();
    await says(chat, "word");
    void chat.resumeStream();
    await eventually(() => expect(transport.here("c").resumed).toBeGreaterThan(1));
    const [job] = service.asked;
    service.end(job?.requestId ?? "", { case: "textDelta", value: { text: " more" } });
    await says(chat, "word more");
    expect(service.cancelled).toEqual([]);
    leave();
  });

  test("a message that is sent again is one job; one that is answered anew is another", async () => {
    const chat = chatOn(transport);
    service.unheard = 1;
    void chat.sendMessage({ id: "m", role: "user", parts: [{ type: "text", text: "Hello" }] });
    await says(chat, "word");
    service.end("c.m");
    await eventually(() => expect(chat.status).toBe("ready"));
    void chat.regenerate();
    await eventually(() => expect(service.asked).toHaveLength(3));
    await says(chat, "word");
    service.end("c.m.c.m");
    await eventually(() => expect(chat.status).toBe("ready"));
    expect(service.asked.map(({ requestId }) => requestId)).toEqual(["c.m", "c.m", "c.m.c.m"]);
    expect(chat.messages.map(({ id }) => id)).toEqual(["m", "c.m.c.m"]);
  });

  test("a second question goes with what was said before, and follows its job", async () => {
    const chat = chatOn(transport);
    void chat.sendMessage({ id: "m", role: "user", parts: [{ type: "text", text: "Hello" }] });
    await says(chat, "word");
    service.end("c.m");
    await eventually(() => expect(chat.status).toBe("ready"));
    void chat.sendMessage(
      { id: "n", role: "user", parts: [{ type: "text", text: "And?" }] },
      { body: { model: "large" } },
    );
    await eventually(() => expect(service.asked).toHaveLength(2));
    const { previousJobId, conversationId, model, messages } = service.asked[1] as StartGenerationRequest;
    expect({ previousJobId, conversationId, model }).toEqual({
      previousJobId: "c.m",
      conversationId: "c",
      model: "large",
    });
    expect(messages.map(({ id }) => id)).toEqual(["m", "c.m", "n"]);
    await says(chat, "word");
    await chat.stop();
  });

  test("a job that fails is an error of the chat, and what it said stays", async () => {
    const chat = chatOn(transport);
    const leave = follow(transport, chat);
    void chat.sendMessage({ id: "m", role: "user", parts: [{ type: "text", text: "Hello" }] });
    await says(chat, "word");
    service.fail("c.m", "the upstream is gone");
    await eventually(() => expect(chat.error?.message).toBe("the upstream is gone"));
    expect(textOf(chat.messages)).toBe("word");
    leave();
  });

  test("what cannot be taken back by chunks is shown as it stands", async () => {
    const chat = chatOn(transport);
    const leave = follow(transport, chat);
    void chat.sendMessage({ id: "m", role: "user", parts: [{ type: "text", text: "Hello" }] });
    await says(chat, "word");
    const part = { index: 0, kind: { case: "text", value: { text: "other" } } } as const;
    service.end("c.m", { case: "partReplaced", value: { part } });
    await says(chat, "other");
    leave();
  });
});

test("a component that is taken away before its question has arrived stops nothing", async () => {
  let chat: ReturnType<typeof useChat> | undefined;
  const Page = () => {
    chat = useChat({ id: "c", transport });
    useLiveChat(chat, transport);
    return null;
  };
  const root = createRoot(document.createElement("div"));
  act(() => root.render(createElement(Page)));
  act(() => {
    void chat?.sendMessage({ role: "user", parts: [{ type: "text", text: "Hello" }] });
    root.unmount();
  });
  await eventually(() => expect(service.asked).toHaveLength(1));
  await eventually(() => expect(transport.here("c").busy).toBe(false));
  expect(service.cancelled).toEqual([]);
});

test("a component that is taken away stops nothing, and shows the answer when it is back", async () => {
  let chat: ReturnType<typeof useChat> | undefined;
  const Page = () => {
    chat = useChat({ id: "c", transport });
    useLiveChat(chat, transport);
    return textOf(chat.messages) ?? "";
  };
  const place = document.createElement("div");
  const first = createRoot(place);
  act(() => first.render(createElement(StrictMode, null, createElement(Page))));
  const shows = (text: string) =>
    eventually(async () => {
      await act(async () => {});
      expect(place.textContent).toBe(text);
    });
  await act(async () => void chat?.sendMessage({ text: "Hello" }));
  await shows("word");
  act(() => first.unmount());
  await eventually(() => expect(transport.here("c").busy).toBe(false));
  expect(service.cancelled).toEqual([]);
  const second = createRoot(place);
  act(() => second.render(createElement(Page)));
  await shows("word");
  await act(async () => chat?.stop());
  await shows("word and the last");
  expect(service.cancelled).toHaveLength(1);
  act(() => second.unmount());
});
