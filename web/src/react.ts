/** Jobs and conversations in React. */

import { type Context, createContext, useContext, useMemo, useSyncExternalStore } from "react";

import type { StreamsvcClient } from "./client.js";
import type { ConversationSnapshot } from "./conversation-store.js";
import type { JobSnapshot } from "./job-store.js";
import { KeptJob } from "./kept-job.js";

/** The client that the hooks use: `<StreamsvcContext.Provider value={client}>`. */
export const StreamsvcContext: Context<StreamsvcClient | undefined> = /* @__PURE__ */ createContext<
  StreamsvcClient | undefined
>(undefined);

/** What a component shows while there is no job. */
const NO_JOB = { subscribe: () => () => {}, getSnapshot: () => undefined };

/** A conversation, and the newest job of it as far as it is known here. */
export interface Conversation extends ConversationSnapshot {
  readonly answer: JobSnapshot | undefined;
}

/** The job, told anew as it goes on; undefined without an id. Components that show one job share one stream. */
export function useJob(jobId: string | undefined): JobSnapshot | undefined {
  const client = useClient();
  const store = useMemo(() => (jobId ? client.job(jobId) : NO_JOB), [client, jobId]);
  return useSyncExternalStore<JobSnapshot | undefined>(store.subscribe, store.getSnapshot, store.getSnapshot);
}

/** The running jobs of a conversation, also those started in another tab or elsewhere, and the answer of the newest. */
export function useConversation(conversationId: string): Conversation {
  const client = useClient();
  const store = useMemo(() => client.conversation(conversationId), [client, conversationId]);
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  const answer = useJob(snapshot.jobs[0]?.id);
  return { ...snapshot, answer };
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
