/** The conversations of a person: kept in this browser, and joined with what the service knows of them. */

import type { Job } from "@streamsvc/client";
import { useEffect, useMemo, useState } from "react";

import { begun, hasEnded, useJobs } from "./jobs.js";

const KEY = "streamsvc.conversations";
const MOST = 100;

/** A conversation in the list. */
export interface Listed {
  readonly id: string;
  readonly title: string;
  /** When its newest answer began, in ms since 1970. */
  readonly time: number;
}

/** The conversations, newest first, and which of them have an answer under way. */
export function useConversations(): { conversations: readonly Listed[]; running: ReadonlySet<string> } {
  const { jobs } = useJobs({}, MOST);
  const [kept, keep] = useState(read);
  useEffect(() => {
    const changed = ({ key }: StorageEvent) => key === KEY && keep(read());
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  }, []);
  const conversations = useMemo(() => joined(kept, jobs), [kept, jobs]);
  useEffect(() => write(conversations), [conversations]);
  const running = useMemo(() => new Set(jobs.filter((job) => !hasEnded(job)).map((job) => job.conversationId)), [jobs]);
  return { conversations, running };
}

function joined(kept: readonly Listed[], jobs: readonly Job[]): Listed[] {
  const all = new Map(kept.map((one) => [one.id, one]));
  for (const job of jobs) {
    const id = job.conversationId;
    if (!id) continue;
    const title = all.get(id)?.title ?? job.labels["title"] ?? job.metadata["title"] ?? "Conversation";
    all.set(id, { id, title, time: begun(job) });
  }
  return [...all.values()].sort((a, b) => b.time - a.time).slice(0, MOST);
}

function read(): readonly Listed[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Listed[];
  } catch {
    return [];
  }
}

function write(conversations: readonly Listed[]): void {
  const text = JSON.stringify(conversations);
  try {
    if (localStorage.getItem(KEY) !== text) localStorage.setItem(KEY, text);
  } catch {
    // A browser may refuse to keep anything: the service still knows the newer ones.
  }
}
