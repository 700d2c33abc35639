/** A call that several readers share. */

/** Keeps of a call what readers need that join it later. */
export interface Line<Request, Response> {
  /** Whether a reader that would call with `request` can join now. */
  accepts(request: Request): boolean;
  /** What a reader that joins with `request`, which was accepted, is told first; nothing if nothing has come yet. */
  opening(request: Request): Response | undefined;
  /** Takes note of what came, before the readers are told. */
  take(response: Response): void;
  /** The request with which a reader that has everything would call; nothing while none could. */
  place(): Request | undefined;
  /** Whether the call may end. */
  finished(): boolean;
}
