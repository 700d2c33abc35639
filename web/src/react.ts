/** Jobs and conversations in React. */

import { type Context, createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { AskingJob, type AskingSnapshot } from "./asking-job.js";
import type { StreamsvcClient } from "./client.js";
import type { ConversationSnapshot } from "./conversation-store.js";
import { FinishReason } from "./gen/streamsvc/v1/job_pb.js";
import { KeptJob } from "./kept-job.js";

/** The client that the hooks use: `<StreamsvcContext.Provider value={client}>`. */
export const StreamsvcContext: Context<StreamsvcClient | undefined> = /* @__PURE__ */ createContext<
  StreamsvcClient | undefined
>(undefined);

/** What a component shows while there is no job. */
const NO_JOB = { subscribe: () => () => {}, getSnapshot: () => undefined };

/** A conversation, and the newest job of it as far as it is known here: one that runs, or that waits for people. */
export interface Conversation extends ConversationSnapshot {
  readonly answer: AskingSnapshot | undefined;
}

/**
 * The job, told anew as it goes on, with its questions to people; undefined without an id. Components that show one job
 * share one stream.
 */
export function useJob(jobId: string | undefined): AskingSnapshot | undefined {
  const client = useClient();
  const store = useMemo(() => (jobId ? new AskingJob(client, jobId) : NO_JOB), [client, jobId]);
  return useSyncExternalStore<AskingSnapshot | undefined>(store.subscribe, store.getSnapshot, store.getSnapshot);
}

/**
 * The running jobs of a conversation, also those started in another tab or elsewhere, and the answer of the newest. While
 * none runs: of the one before, if that waits for people.
 */
export function useConversation(conversationId: string): Conversation {
  const client = useClient();
  const store = useMemo(() => client.conversation(conversationId), [client, conversationId]);
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  const waiting = useWaiting(client, conversationId, snapshot.caughtUp);
  const answer = useJob(snapshot.jobs[0]?.id ?? waiting);
  return { ...snapshot, answer };
}

/** The id of the newest job, if it has ended with questions; looked for once the running ones are known. */
function useWaiting(client: StreamsvcClient, conversationId: string, caughtUp: boolean): string | undefined {
  const [found, find] = useState<readonly [string, string]>();
  useEffect(() => {
    if (!caughtUp) return undefined;
    let shown = true;
    const waiting = waitingJob(client, conversationId).catch(() => undefined);
    void waiting.then((id) => shown && id && find([conversationId, id]));
    return () => void (shown = false);
  }, [client, conversationId, caughtUp]);
  return found?.[0] === conversationId ? found[1] : undefined;
}

async function waitingJob(client: StreamsvcClient, conversationId: string): Promise<string | undefined> {
  for await (const { id, finishReason } of client.jobs({ conversationId })) {
    return finishReason === FinishReason.INPUT_REQUIRED ? id : undefined;
  }
  return undefined;
}

/** The id of the job that this tab shows, kept over a reload under `key`, and the function that sets it. */
export function useKeptJob(key: string): readonly [string | undefined, (jobId: string | undefined) => void] {
  const kept = useMemo(() => new KeptJob(key), [key]);
  return [useSyncExternalStore(kept.subscribe, kept.getSnapshot, () => undefined), kept.set];
}

function useClient(): StreamsvcClient {
  const client = useContext(StreamsvcContext);
  if (!client) throw new Error("there is no client: put a <StreamsvcContext.Provider> around the component");
  return client;
}
