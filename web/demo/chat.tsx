/** A conversation: its turns, and the place to ask. */

import type { JobSnapshot, JobState, Status } from "@streamsvc/client";
import { useJob } from "@streamsvc/client/react";

import { question, wholeAnswer } from "./ask.js";
import { Badge } from "./badge.js";
import { Composer } from "./composer.js";
import { inWords } from "./errors.js";
import { hasEnded, type Jobs, useClient, useJobs } from "./jobs.js";
import type { Model } from "./models.js";
import { useBottom } from "./scroll.js";
import { Turn } from "./turn.js";

const MOST = 200;

/** The conversation of this id; `begin` is called with the first question. */
export function Chat({ id, begin }: { readonly id: string; readonly begin: () => void }) {
  const client = useClient();
  const { jobs, known, status, error } = useJobs({ conversationId: id }, MOST);
  const newest = useJob(jobs.at(-1)?.id);
  const { scroller, content } = useBottom();
  const open = jobs.find((job) => !hasEnded(job));
  const ask = async (prompt: string, model: Model) => {
    begin();
    await client.start(question(id, prompt, model, await wholeAnswer(client, stateOf(newest))));
  };
  return (
    <main className="chat">
      <div className="turns" ref={scroller} tabIndex={0} role="log" aria-label="Conversation">
        <div ref={content}>
          {jobs.length === 0 && <Welcome known={known} status={status} error={error} />}
          {jobs.map((job) => (
            <Turn key={job.id} job={job} />
          ))}
          {jobs.length > 0 && error && <p className="note bad">{inWords(error)}</p>}
        </div>
      </div>
      <Composer
        ask={ask}
        {...(open && { stop: async () => void (await client.cancel(open.id, "stopped by the reader")) })}
        badge={<Badge status={status === "live" ? newest?.status : status} />}
      />
    </main>
  );
}

function Welcome({ known, status, error }: Omit<Jobs, "jobs">) {
  const [title, text] = greeting(known, status, error);
  return (
    <div className="welcome">
      <h1>{title}</h1>
      <p>{text}</p>
    </div>
  );
}

function greeting(known: boolean, status: Status, error: Error | undefined): [string, string] {
  const promise = "Close the tab, lose the network, come back on another device: the answer goes on where it was.";
  if (error) return ["This does not work", inWords(error)];
  if (known) return ["What would you like to know?", promise];
  if (status === "reconnecting") return ["No connection", "The service does not answer. This page keeps trying."];
  return ["One moment …", promise];
}

/** What the next question follows: an answer that nothing more will be added to. */
function stateOf(newest: JobSnapshot | undefined): JobState | undefined {
  return newest?.state.job ? newest.state : undefined;
}
