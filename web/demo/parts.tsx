/** The parts of an answer: text with its sources, reasoning, calls of tools, files, and the steps of an agent. */

import {
  type Citation,
  type ContentPart,
  type ReasoningPart,
  type RunStep,
  RunStepStatus,
  type TextPart,
  type ToolCallPart,
  ToolCallStatus,
  type ToolResultPart,
} from "@streamsvc/client";
import { memo } from "react";

import { Markdown } from "./markdown.js";

/** One part. Those of kinds that this page does not know are left out. */
export const Part = memo(function Part({ part, running }: { readonly part: ContentPart; readonly running: boolean }) {
  const { kind, completed } = part;
  const growing = running && !completed;
  switch (kind.case) {
    case "text":
      return <Text part={kind.value} />;
    case "reasoning":
      return <Reasoning part={kind.value} growing={growing} />;
    case "toolCall":
      return <ToolCall part={kind.value} />;
    case "file":
      return <p className="card">File: {kind.value.name || kind.value.mediaType}</p>;
    case "data":
    case undefined:
      return null;
  }
});

function Text({ part: { text, citations } }: { readonly part: TextPart }) {
  return (
    <>
      <Markdown text={text} />
      {citations.length > 0 && (
        <ol className="citations" aria-label="Sources">
          {citations.map((citation, place) => (
            <li key={place}>
              <Source citation={citation} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function Source({ citation: { title, snippet, source } }: { readonly citation: Citation }) {
  const name = title || (source.case === "document" ? source.value.name : source.value) || "Source";
  if (source.case !== "url" || !/^https?:/.test(source.value)) return <span title={snippet}>{name}</span>;
  return (
    <a href={source.value} title={snippet} target="_blank" rel="noopener noreferrer">
      {name}
    </a>
  );
}

function Reasoning({ part: { text }, growing }: { readonly part: ReasoningPart; readonly growing: boolean }) {
  return (
    <details className="card reasoning" open={growing}>
      <summary>{growing ? "Thinking …" : "Thought about it"}</summary>
      <p>{text}</p>
    </details>
  );
}

const CALL_WORDS: Record<ToolCallStatus, string> = {
  [ToolCallStatus.UNSPECIFIED]: "",
  [ToolCallStatus.WRITING]: "asking",
  [ToolCallStatus.READY]: "waiting",
  [ToolCallStatus.RUNNING]: "running",
  [ToolCallStatus.SUCCEEDED]: "done",
  [ToolCallStatus.FAILED]: "failed",
  [ToolCallStatus.DENIED]: "denied",
};

function ToolCall({ part: { name, title, status, argumentsJson, results } }: { readonly part: ToolCallPart }) {
  return (
    <details className="card tool">
      <summary>
        <span className="tool-name">{title || name}</span> <span className="word">{CALL_WORDS[status]}</span>
      </summary>
      <pre>{argumentsJson}</pre>
      {results.map((result, place) => (
        <pre key={place}>{resultText(result)}</pre>
      ))}
    </details>
  );
}

function resultText({ kind }: ToolResultPart): string {
  return kind.case === "file" ? kind.value.name : (kind.value ?? "");
}

const STEP_WORDS: Record<RunStepStatus, string> = {
  [RunStepStatus.UNSPECIFIED]: "",
  [RunStepStatus.RUNNING]: "running",
  [RunStepStatus.SUCCEEDED]: "done",
  [RunStepStatus.FAILED]: "failed",
  [RunStepStatus.CANCELLED]: "stopped",
};

/** What an agent has done so far. */
export const Steps = memo(function Steps({ steps }: { readonly steps: readonly RunStep[] }) {
  if (steps.length === 0) return null;
  return (
    <details className="card steps">
      <summary>
        {steps.length} {steps.length === 1 ? "step" : "steps"}
      </summary>
      <ol>
        {steps.map(({ id, title, type, status }) => (
          <li key={id}>
            {title || type} <span className="word">{STEP_WORDS[status]}</span>
          </li>
        ))}
      </ol>
    </details>
  );
});
