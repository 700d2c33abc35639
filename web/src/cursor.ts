/** Where a reader of a job is. */

/**
 * The epoch and the offset of the last event that a reader has applied.
 *
 * It is only good together with the state that it stands for: to go on without that state, ask for a snapshot.
 */
export interface Cursor {
  readonly epoch: string;
  readonly offset: number;
}

/** The beginning of every log. */
export const START: Cursor = { epoch: "", offset: 0 };
