/** A live chat in React: beside `useChat`, whose transport is a StreamsvcTransport. */

import type { UIMessage } from "ai";
import { useEffect, useLayoutEffect, useState } from "react";

import { type ChatView, live } from "./live.js";
import type { StreamsvcTransport } from "./transport.js";

/**
 * Keeps `chat`, which `useChat` has given, what the service knows; see `live`. Returns why it does not any more.
 *
 *     const chat = useChat({ id, transport });
 *     useLiveChat(chat, transport);
 */
export function useLiveChat<M extends UIMessage>(
  chat: ChatView<M>,
  transport: StreamsvcTransport<M>,
): Error | undefined {
  const { id, setMessages, resumeStream } = chat;
  const [error, fail] = useState<Error>();
  // Before useChat's own effect: that one stops the chat when its component is taken away.
  useLayoutEffect(() => {
    const here = transport.here(id);
    here.left = false;
    return () => void (here.left = true);
  }, [transport, id]);
  useEffect(
    () => live(transport, { id, setMessages, resumeStream }, (failed) => fail(failed as Error | undefined)),
    [transport, id, setMessages, resumeStream],
  );
  return error;
}
