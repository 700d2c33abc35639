/** The jobs that the page knows: one watch tells of those that run or change, and a list of those that ended before. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Job, type JobFilter, JobStatus, type Status, type StreamsvcClient } from "@streamsvc/client";
import { StreamsvcContext } from "@streamsvc/client/react";
import { useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

const ENDED = new Set([JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED]);

/** Whether nothing more will be said. */
export function hasEnded({ status }: Job): boolean {
  return ENDED.has(status);
}

/** When the job began, in ms since 1970. */
export function begun({ createTime }: Job): number {
  return createTime ? timestampMs(createTime) : 0;
}

/** The client of this page. */
export function useClient(): StreamsvcClient {
  return useContext(StreamsvcContext) as StreamsvcClient;
}

/** Jobs of the person as far as they are known. */
export interface Jobs {
  /** Oldest first. */
  readonly jobs: readonly Job[];
  /** Whether those of before are among them. */
  readonly known: boolean;
  /** Whether changes are heard of. */
  readonly status: Status;
  /** Why they never will be. */
  readonly error: Error | undefined;
}

/** At most `most` jobs of the person, as they change. */
export function useJobs(filter: JobFilter, most: number): Jobs {
  const client = useClient();
  const { conversationId } = filter;
  // All of them, whatever is shown: one watch serves the whole page.
  const everything = useMemo(() => client.conversation(""), [client]);
  const { jobs: watched, caughtUp, status, error } = useSyncExternalStore(everything.subscribe, everything.getSnapshot);
  const [listed, list] = useState<readonly Job[]>();
  useEffect(() => {
    // Not earlier: a job that ended between the two would be in neither.
    if (!caughtUp) return undefined;
    let shown = true;
    void newest(client, conversationId ? { conversationId } : {}, most).then((found) => shown && list(found));
    return () => void (shown = false);
  }, [client, conversationId, most, caughtUp]);
  const jobs = useMemo(() => {
    const all = new Map([...(listed ?? []), ...watched].map((job) => [job.id, job]));
    const mine = [...all.values()].filter((job) => !conversationId || job.conversationId === conversationId);
    return mine.sort((a, b) => begun(a) - begun(b));
  }, [listed, watched, conversationId]);
  return { jobs, known: listed !== undefined, status, error };
}

async function newest(client: StreamsvcClient, filter: JobFilter, most: number): Promise<Job[]> {
  const found: Job[] = [];
  try {
    for await (const job of client.jobs(filter)) {
      found.push(job);
      if (found.length >= most) break;
    }
  } catch {
    // Out of reach for now: what runs is told by the watch as soon as it is back.
  }
  return found;
}
