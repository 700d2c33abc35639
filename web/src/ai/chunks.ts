/** A message of the AI SDK in its chunks, as it grows. */

import type { UIMessage, UIMessageChunk } from "ai";

import { alike } from "./alike.js";
import { callChunks } from "./call-chunks.js";
import type { UIPart } from "./parts.js";

type Grows = Extract<UIPart, { type: "text" | "reasoning" }>;

/** Says how far a message has come, in chunks; `useChat` makes the same message of them. */
export class Chunks {
  /** Parts in their order. Data and sources may stand anywhere, and are told apart by their ids. */
  #placed: UIPart[];
  #loose: Map<string, UIPart>;
  /** Ids of the texts that chunks can still add to. */
  #open = new Set<string>();
  #metadata = "";
  #round = 0;

  /** `shown` is what is there already. */
  constructor(shown?: UIMessage) {
    this.#placed = shown?.parts.filter((part) => !isLoose(part)) ?? [];
    this.#loose = looseOf(shown?.parts ?? []);
  }

  /** The chunks that lead from what was said to `message`; undefined if none can, because something was taken back. */
  to(message: UIMessage): UIMessageChunk[] | undefined {
    const placed = message.parts.filter((part) => !isLoose(part));
    const loose = looseOf(message.parts);
    const open = new Set(this.#open);
    const chunks = this.#changes(placed, open);
    const more = this.#looseChanges(loose);
    if (!chunks || !more) return undefined;
    for (const [i, part] of placed.slice(this.#placed.length).entries()) {
      const place = this.#placed.length + i;
      // Not while something is open: version 6 of the AI SDK would forget it.
      if (part.type === "step-start" && place > 0 && open.size === 0) chunks.push({ type: "finish-step" });
      chunks.push(...begun(part, this.#id(place), open));
    }
    this.#placed = placed;
    this.#loose = loose;
    this.#open = open;
    return [...chunks, ...more, ...this.#metadataChange(message)];
  }

  /** Says all of it anew, below what stands there: for who cannot take that back. */
  again(message: UIMessage): UIMessageChunk[] {
    const closing = this.ends();
    this.#placed = [];
    this.#round += 1;
    this.#loose = looseOf(message.parts.filter(isLoose).filter((part) => this.#loose.has(keyOf(part))));
    return [...closing, ...(this.to(message) ?? [])];
  }

  /** Ends what is open. */
  ends(): UIMessageChunk[] {
    const ids = [...this.#open];
    this.#open.clear();
    const kinds = ids.map((id) => [id, this.#placed[Number(id.split("-")[1])]?.type] as const);
    return kinds.map(([id, type]) => ({ type: type === "reasoning" ? "reasoning-end" : "text-end", id }));
  }

  #id(place: number): string {
    return `${this.#round}-${place}`;
  }

  #changes(placed: readonly UIPart[], open: Set<string>): UIMessageChunk[] | undefined {
    if (placed.length < this.#placed.length) return undefined;
    const step = this.#placed.map(({ type }) => type).lastIndexOf("step-start");
    const all: UIMessageChunk[] = [];
    for (const [i, old] of this.#placed.entries()) {
      const chunks = changed(old, placed[i] as UIPart, this.#id(i), open, i > step);
      if (!chunks) return undefined;
      all.push(...chunks);
    }
    return all;
  }

  #looseChanges(loose: ReadonlyMap<string, UIPart>): UIMessageChunk[] | undefined {
    if ([...this.#loose.keys()].some((key) => !loose.has(key))) return undefined;
    const changes = [...loose].filter(([key, part]) => !alike(this.#loose.get(key), part));
    if (changes.some(([key]) => key.startsWith("source-") && this.#loose.has(key))) return undefined;
    // Copies: the AI SDK keeps what it is given, and writes into it.
    return changes.map(([, part]) => ({ ...part }) as UIMessageChunk);
  }

  #metadataChange({ metadata }: UIMessage): UIMessageChunk[] {
    const json = JSON.stringify(metadata);
    if (json === this.#metadata) return [];
    this.#metadata = json;
    return [{ type: "message-metadata", messageMetadata: metadata }];
  }
}

function isLoose({ type }: UIPart): boolean {
  return type.startsWith("data-") || type.startsWith("source-");
}

function keyOf(part: UIPart): string {
  const id = "sourceId" in part ? part.sourceId : "id" in part ? part.id : undefined;
  return `${part.type} ${id}`;
}

function looseOf(parts: readonly UIPart[]): Map<string, UIPart> {
  return new Map(parts.filter(isLoose).map((part) => [keyOf(part), part]));
}

/** The chunks that lead from `old` to `next`. `inStep`: whether the newest step holds it. */
function changed(
  old: UIPart,
  next: UIPart,
  id: string,
  open: Set<string>,
  inStep: boolean,
): UIMessageChunk[] | undefined {
  if (old === next) return [];
  if (old.type !== next.type) return undefined;
  if (grows(old) && grows(next)) return grown(old, next, id, open);
  if ("toolCallId" in old && "toolCallId" in next) return callChunks(old, next, inStep);
  return alike(old, next) ? [] : undefined;
}

function begun(part: UIPart, id: string, open: Set<string>): UIMessageChunk[] {
  if (part.type === "step-start") return [{ type: "start-step" }];
  if (grows(part)) {
    open.add(id);
    const { type, providerMetadata } = part;
    const start = { type: `${type}-start` as const, id, ...(providerMetadata && { providerMetadata }) };
    return [start, ...(grown({ ...part, text: "" }, part, id, open) ?? [])];
  }
  if ("toolCallId" in part) return callChunks(undefined, part, true) ?? [];
  return [{ ...part }];
}

function grown(old: Grows, next: Grows, id: string, open: Set<string>): UIMessageChunk[] | undefined {
  if (!next.text.startsWith(old.text)) return undefined;
  const delta = next.text.slice(old.text.length);
  if (!open.has(id)) return delta ? undefined : [];
  const chunks: UIMessageChunk[] = delta ? [{ type: `${next.type}-delta`, id, delta }] : [];
  if (next.state === "streaming") return chunks;
  open.delete(id);
  const { providerMetadata } = next;
  return [...chunks, { type: `${next.type}-end`, id, ...(providerMetadata && { providerMetadata }) }];
}

function grows(part: UIPart): part is Grows {
  return part.type === "text" || part.type === "reasoning";
}
