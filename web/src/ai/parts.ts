/** Parts of an answer as the AI SDK has them. */

import { base64Encode } from "@bufbuild/protobuf/wire";
import type { UIMessage } from "ai";

import type { Citation, ContentPart, FilePart } from "../gen/streamsvc/v1/content_pb.js";

/** A part of a message of the AI SDK. */
export type UIPart = UIMessage["parts"][number];

/** What the AI SDK has no word for, in its `providerMetadata`. */
export interface Extra {
  /** The model says here why it declines. */
  readonly refusal?: true;
  /** The reasoning is a summary written for readers. */
  readonly summary?: true;
  /** ContentPart.upstream_json, to be sent back unchanged. */
  readonly upstreamJson?: string;
}

/** The value of a JSON text; a text that is none as it is. */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** `{ providerMetadata }` with what is set in `extra`, or nothing. */
export function metadataOf(extra: object): { providerMetadata?: { streamsvc: Record<string, string> } } {
  const set = Object.fromEntries(Object.entries(extra).filter(([, value]) => value));
  return Object.keys(set).length > 0 ? { providerMetadata: { streamsvc: set } } : {};
}

const MADE = new WeakMap<ContentPart, { readonly of: readonly unknown[]; readonly parts: readonly UIPart[] }>();

/** What `make` has made of a part; the same objects until the part, or something else that it was made of, changes. */
export function madeOnce(part: ContentPart, of: readonly unknown[], make: () => UIPart[]): readonly UIPart[] {
  const before = MADE.get(part);
  if (before?.of.every((one, i) => one === of[i])) return before.parts;
  const parts = make();
  MADE.set(part, { of, parts });
  return parts;
}

/** A part that is no call of a tool, and the sources of its text. `ended`: nothing more will be added. */
export function partsOf(part: ContentPart, jobId: string, ended: boolean): UIPart[] {
  const { kind, upstreamJson } = part;
  const state = ended || part.completed ? "done" : "streaming";
  switch (kind.case) {
    case "text": {
      const { text, refusal, citations } = kind.value;
      const sources = citations.map((citation, i) => sourceOf(citation, `${jobId}-${part.index}-${i}`));
      return [{ type: "text", text, state, ...metadataOf({ refusal, upstreamJson }) }, ...sources];
    }
    case "reasoning": {
      const { text, summary } = kind.value;
      return [{ type: "reasoning", text, state, ...metadataOf({ summary, upstreamJson }) }];
    }
    case "file":
      return [filePart(kind.value, `${jobId}-${part.index}`)];
    case "data":
      return [{ type: `data-${kind.value.name}`, id: `${jobId}-${part.index}`, data: parsed(kind.value.json) }];
    case "toolCall":
    case undefined:
      return [];
  }
}

/** The address of a file; bytes become one of themselves. Undefined for a file that others keep. */
export function urlOf({ source, mediaType }: FilePart): string | undefined {
  if (source.case === "url") return source.value;
  return source.case === "data" ? `data:${mediaType};base64,${base64Encode(source.value)}` : undefined;
}

function filePart(file: FilePart, id: string): UIPart {
  const { mediaType, name: filename, source } = file;
  const url = urlOf(file);
  if (url !== undefined) return { type: "file", mediaType, url, ...metadataOf({ filename }) };
  // A file without an address: the AI SDK has no such part.
  return { type: "data-file", id, data: { fileId: source.case === "fileId" ? source.value : "", mediaType, filename } };
}

/** `id` tells this citation from others, also of the same source. */
function sourceOf(citation: Citation, id: string): UIPart {
  const { source, title, startIndex, endIndex, snippet, upstreamJson } = citation;
  const place = endIndex ? { startIndex: `${startIndex}`, endIndex: `${endIndex}` } : {};
  const extra = metadataOf({ sourceId: citation.sourceId, ...place, snippet, upstreamJson });
  if (source.case === "url") {
    return { type: "source-url", sourceId: id, url: source.value, ...(title && { title }), ...extra };
  }
  const { mediaType = "", name = "" } = source.value ?? {};
  const filename = name ? { filename: name } : {};
  return { type: "source-document", sourceId: id, mediaType, title: title || name, ...filename, ...extra };
}
