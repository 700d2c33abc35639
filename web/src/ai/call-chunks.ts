/** The call of a tool in the AI SDK's chunks, as it goes further. */

import type { UIMessageChunk } from "ai";

import { alike } from "./alike.js";
import type { UIPart } from "./parts.js";

/** What all calls may have, whatever their state. */
interface ToolPart {
  readonly type: string;
  readonly toolCallId: string;
  readonly state: string;
  readonly title?: string;
  readonly providerExecuted?: boolean;
  readonly rawInput?: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly preliminary?: boolean;
  readonly errorText?: string;
  readonly callProviderMetadata?: object;
  readonly resultProviderMetadata?: object;
  readonly approval?: { readonly id: string; readonly approved?: boolean; readonly reason?: string };
}

const STATES = ["input-streaming", "input-available", "approval-requested", "approval-responded"];

/**
 * The chunks that lead from `before` to `after`; undefined if none can. `inStep`: whether it is of the newest step, as
 * the AI SDK takes what is said of a call's input for that of a new call otherwise.
 */
export function callChunks(before: UIPart | undefined, after: UIPart, inStep: boolean): UIMessageChunk[] | undefined {
  const [old, next] = [before as ToolPart | undefined, after as ToolPart];
  if (alike(old, next)) return [];
  if (old && rank(next) < rank(old)) return undefined;
  if (next.state === "input-streaming") return inStep ? writing(old, next) : undefined;
  // The AI SDK keeps what a tool gave so far when it is denied, but for what is said of its input anew.
  const stays = next.state !== "output-denied" || (old?.output === undefined && old?.errorText === undefined);
  const known = old !== undefined && rank(old) > 0 && stays && alike(inputOf(old), inputOf(next));
  if (!known && !inStep) return undefined;
  const said = known ? old : undefined;
  return [...(known ? [] : [available(next)]), ...approval(said, next), ...output(said, next)] as UIMessageChunk[];
}

function rank({ state }: ToolPart): number {
  return state.startsWith("output-") ? STATES.length : STATES.indexOf(state);
}

function inputOf({ type, input, callProviderMetadata, resultProviderMetadata }: ToolPart) {
  // What the upstream needs back moves to the result, once there is one.
  return [type, input, resultProviderMetadata ? undefined : callProviderMetadata];
}

function named({ type, toolCallId, title, providerExecuted }: ToolPart) {
  return {
    ...{ toolCallId, toolName: type.slice("tool-".length) },
    ...(title && { title }),
    ...(providerExecuted && { providerExecuted }),
  };
}

function writing(old: ToolPart | undefined, next: ToolPart): UIMessageChunk[] | undefined {
  const [before = "", after = ""] = [old?.rawInput, next.rawInput];
  if (!after.startsWith(before)) return undefined;
  const { toolCallId } = next;
  const inputTextDelta = after.slice(before.length);
  return [
    ...(old ? [] : [{ type: "tool-input-start" as const, ...named(next) }]),
    ...(inputTextDelta ? [{ type: "tool-input-delta" as const, toolCallId, inputTextDelta }] : []),
  ];
}

function available(next: ToolPart) {
  const { input, callProviderMetadata: providerMetadata } = next;
  return { type: "tool-input-available", ...named(next), input, ...(providerMetadata && { providerMetadata }) };
}

function approval(said: ToolPart | undefined, { toolCallId, approval }: ToolPart): object[] {
  if (!approval) return [];
  const {
    id: approvalId,
    approved,
    reason,
    descriptor,
    requestReason,
  } = approval as typeof approval & {
    readonly descriptor?: unknown;
    readonly requestReason?: string;
  };
  const asked = said?.approval?.id === approvalId;
  const request = {
    ...{ type: "tool-approval-request", approvalId, toolCallId, approvalDescriptor: descriptor },
    ...(requestReason && { reason: requestReason }),
  };
  const answered = approved === undefined || (asked && said?.approval?.approved !== undefined);
  // Version 6 of the AI SDK does not know this chunk, and passes over it.
  const response = { type: "tool-approval-response", approvalId, approved, ...(reason && { reason }) };
  return [...(asked ? [] : [request]), ...(answered ? [] : [response])];
}

function output(said: ToolPart | undefined, next: ToolPart): object[] {
  const { state, toolCallId, resultProviderMetadata: providerMetadata } = next;
  if (rank(next) < STATES.length || (said && alike(resultOf(said), resultOf(next)))) return [];
  if (state === "output-denied") return [{ type: "tool-output-denied", toolCallId }];
  const extra = providerMetadata && { providerMetadata };
  if (state === "output-error") {
    return [{ type: "tool-output-error", toolCallId, errorText: next.errorText, ...extra }];
  }
  const preliminary = next.preliminary && { preliminary: true };
  return [{ type: "tool-output-available", toolCallId, output: next.output, ...preliminary, ...extra }];
}

function resultOf({ state, output, preliminary, errorText, resultProviderMetadata }: ToolPart) {
  return [state, output, preliminary, errorText, resultProviderMetadata];
}
