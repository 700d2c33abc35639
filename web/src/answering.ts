/** Sending answers to the questions of a job: once, and as soon as there is a connection. */

import type { Answers, StreamsvcClient } from "./client.js";
import type { ConversationStore } from "./conversation-store.js";
import { fromService, isResumable, StreamsvcError } from "./errors.js";
import type { Job } from "./gen/streamsvc/v1/job_pb.js";
import { newId } from "./ids.js";

/** How long to wait after an attempt that failed although there seemed to be a connection, and how many there are. */
const PAUSE_MS = 1_000;
const MOST_ATTEMPTS = 20;

/**
 * Sends answers to questions of `asking`, whoever still looks at the page by then. The watch of the conversation tells
 * whether there is a connection; when that gives up, so does this. Throws StreamsvcError by its reason, what the service
 * itself says at once.
 */
export async function send(client: StreamsvcClient, asking: Job, answers: Answers): Promise<Job> {
  const conversation = client.conversation(asking.conversationId);
  const requestId = newId();
  const stay = conversation.subscribe(() => {});
  try {
    for (let attempt = 1; ; attempt++) {
      await connected(conversation);
      try {
        return await client.answer(asking.id, answers, requestId);
      } catch (error) {
        const broken = error instanceof StreamsvcError && isResumable(error) && !fromService(error);
        const over = attempt >= MOST_ATTEMPTS || conversation.getSnapshot().status === "ended";
        if (!broken || over) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  } finally {
    stay();
  }
}

/** Waits until the conversation is watched, or never will be. */
async function connected(conversation: ConversationStore): Promise<void> {
  while (!["live", "ended"].includes(conversation.getSnapshot().status)) {
    await new Promise<void>((resolve) => {
      const leave = conversation.subscribe(() => {
        leave();
        resolve();
      });
    });
  }
}
