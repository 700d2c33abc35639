/** A conversation: its turns, and the place to ask. */

import type { JobSnapshot, JobState } from "@streamsvc/client";
import { useJob } from "@streamsvc/client/react";

import { question } from "./ask.js";
import { Badge } from "./badge.js";
import { Composer } from "./composer.js";
import { hasEnded, useClient, useJobs } from "./jobs.js";
import type { Model } from "./models.js";
import { useBottom } from "./scroll.js";
import { Turn } from "./turn.js";

const MOST = 200;

/** The conversation of this id; `begin` is called with the first question. */
export function Chat({ id, begin }: { readonly id: string; readonly begin: () => void }) {
  const client = useClient();
  const { jobs, known } = useJobs({ conversationId: id }, MOST);
  const newest = useJob(jobs.at(-1)?.id);
  const { scroller, content } = useBottom();
  const open = jobs.find((job) => !hasEnded(job));
  const ask = async (prompt: string, model: Model) => {
    begin();
    await client.start(question(id, prompt, model, stateOf(newest)));
  };
  return (
    <main className="chat">
      <div className="turns" ref={scroller} tabIndex={0} role="log" aria-label="Conversation">
        <div ref={content}>
          {jobs.length === 0 && <Welcome known={known} />}
          {jobs.map((job) => (
            <Turn key={job.id} job={job} />
          ))}
        </div>
      </div>
      <Composer
        ask={ask}
        {...(open && { stop: async () => void (await client.cancel(open.id, "stopped by the reader")) })}
        badge={<Badge status={newest?.status} />}
      />
    </main>
  );
}

function Welcome({ known }: { readonly known: boolean }) {
  return (
    <div className="welcome">
      <h1>{known ? "What would you like to know?" : "One moment …"}</h1>
      <p>Close the tab, lose the network, come back on another device: the answer goes on where it was.</p>
    </div>
  );
}

/** What the next question follows: an answer that nothing more will be added to. */
function stateOf(newest: JobSnapshot | undefined): JobState | undefined {
  return newest?.state.job ? newest.state : undefined;
}
