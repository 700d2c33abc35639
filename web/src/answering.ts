/** Sending answers to the questions of a job: once, and as soon as there is a connection. */

import type { Answers, StreamsvcClient } from "./client.js";
import type { ConversationStore } from "./conversation-store.js";
import { isResumable, StreamsvcError } from "./errors.js";
import type { Job } from "./gen/streamsvc/v1/job_pb.js";
import { newId } from "./ids.js";

/** How long to wait after an attempt that failed although there is a connection. */
const PAUSE_MS = 1_000;

/**
 * Sends answers to questions of `asking`, whoever still looks at the page by then. The watch of the conversation tells
 * whether there is a connection; when that gives up, so does this. Throws StreamsvcError by its reason.
 */
export async function send(client: StreamsvcClient, asking: Job, answers: Answers): Promise<Job> {
  const conversation = client.conversation(asking.conversationId);
  const requestId = newId();
  const stay = conversation.subscribe(() => {});
  try {
    for (;;) {
      await connected(conversation);
      try {
        return await client.answer(asking.id, answers, requestId);
      } catch (error) {
        const again = error instanceof StreamsvcError && isResumable(error);
        if (!again || conversation.getSnapshot().status === "ended") throw error;
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? PAUSE_MS));
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
