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
  // When the component is taken away, useChat stops the chat: after this effect's end, and before that of the next one.
  useLayoutEffect(() => () => void (transport.here(id).leaving = true), [transport, id]);
  useEffect(() => {
    const leave = live(transport, { id, setMessages, resumeStream }, (failed) => fail(failed as Error | undefined));
    return () => {
      leave();
      transport.here(id).leaving = false;
    };
  }, [transport, id, setMessages, resumeStream]);
  return error;
}
