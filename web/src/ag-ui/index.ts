/** A job as an AG-UI run, for frontends that speak AG-UI. */

import type { Item } from "../stream.js";
import type { AgUiEvent } from "./events.js";
import { type Run, Telling } from "./telling.js";

export type { AgUiEvent, Run };

/**
 * Tells of a job as of an AG-UI run, to its end.
 *
 *     const job = client.stream(id, { catchUp: CatchUpMode.SNAPSHOT });
 *     for await (const event of toAgUi(job, input)) show(event);
 *
 * `job` begins at the job's beginning, or with a snapshot; the run begins with a snapshot of the messages. `run` is what
 * the frontend has asked for: it names the run, and holds the conversation before the answer. Without it the run is named
 * after the job, and the conversation begins with what the job was asked.
 */
export async function* toAgUi(job: AsyncIterable<Item>, run?: Run): AsyncGenerator<AgUiEvent, void, void> {
  const telling = new Telling(run);
  for await (const item of job) yield* telling.of(item);
}
