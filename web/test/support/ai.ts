/** What each version of the AI SDK makes of chunks. */

import * as ai7 from "ai";
import type { UIMessage, UIMessageChunk } from "ai";
import * as ai6 from "ai-6";

type Read = (options: { stream: ReadableStream<UIMessageChunk>; message?: UIMessage }) => AsyncIterable<UIMessage>;

/** By version: how messages are read from chunks. */
export const READERS = [
  ["6", ai6.readUIMessageStream as unknown as Read],
  ["7", ai7.readUIMessageStream as Read],
] as const;

/** The message that chunks make, `shown` having been there before. */
export async function messageFrom(
  read: Read,
  chunks: readonly UIMessageChunk[],
  shown?: UIMessage,
): Promise<UIMessage | undefined> {
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  let message = shown && structuredClone(shown);
  for await (const next of read({ stream, ...(message && { message }) })) message = next;
  return message;
}

/**
 * A message without what the AI SDK makes of it besides: ids of reasoning, the guess at arguments that are not whole, in
 * version 6 what became of a question. Data and sources, which may stand anywhere, come last.
 */
export function plain(message: UIMessage | undefined, version: string): unknown {
  const { parts = [], ...rest } = JSON.parse(JSON.stringify(message)) as UIMessage;
  const bare = parts.map((part) => {
    const { approval, ...other } = part as unknown as Record<string, unknown>;
    if (part.type === "reasoning") delete other["id"];
    if (other["state"] === "input-streaming") delete other["input"];
    if (version === "6" && other["state"] === "approval-responded") other["state"] = "approval-requested";
    const id = (approval as { id: string } | undefined)?.id;
    return { ...other, ...(approval !== undefined && { approval: version === "6" ? id : approval }) };
  }) as unknown as { type: string; id?: string; sourceId?: string }[];
  const isLoose = ({ type }: { type: string }) => type.startsWith("data-") || type.startsWith("source-");
  const name = ({ type, id, sourceId }: { type: string; id?: string; sourceId?: string }) =>
    `${type} ${id ?? sourceId}`;
  const loose = bare.filter(isLoose).sort((one, other) => name(one).localeCompare(name(other)));
  return { ...rest, parts: [...bare.filter((part) => !isLoose(part)), ...loose] };
}
