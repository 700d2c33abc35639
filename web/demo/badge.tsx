/** How the page stands with the service. */

import type { Status } from "@streamsvc/client";

const WORDS: Record<Status, string> = {
  live: "Live",
  "catching-up": "Catching up",
  reconnecting: "Reconnecting",
  ended: "Up to date",
};

/** The state of the stream that is shown; without one there is nothing to wait for. */
export function Badge({ status = "ended" }: { readonly status: Status | undefined }) {
  return (
    <span className={`badge ${status}`} role="status" data-status={status}>
      <span className="dot" aria-hidden="true" />
      {WORDS[status]}
    </span>
  );
}
