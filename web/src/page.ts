/** What happens to the page that a client lives in, as far as its connections care. */

/**
 * "online": the network is back, so connections of before are dead. "visible", "awake": the page is looked at again, or
 * the machine may have slept; connections may be dead. "away": the page is left, perhaps for good. "back": it is not.
 */
export type Signal = "online" | "visible" | "awake" | "away" | "back";

/** Tells of signals until the function that it returns is called. */
export type Page = (listener: (signal: Signal) => void) => () => void;

/** No page at all, such as in Node. */
export const NO_PAGE: Page = () => () => {};

const LOOK_EVERY_MS = 10_000;

/** The browser's page. `wallClock` gives ms that go on while the machine sleeps. */
export function browserPage(window: EventTarget, document: Document, wallClock: () => number): Page {
  return (listener) => {
    const listening = new AbortController();
    const on = (target: EventTarget, event: string, signal: () => Signal | undefined) => {
      const heard = () => {
        const told = signal();
        if (told) listener(told);
      };
      target.addEventListener(event, heard, { signal: listening.signal });
    };
    on(window, "online", () => "online");
    on(window, "pagehide", () => "away");
    on(window, "pageshow", () => "back");
    on(document, "visibilitychange", () => (document.visibilityState === "visible" ? "visible" : undefined));
    const stopLooking = lookForSleep(wallClock, () => listener("awake"));
    return () => {
      listening.abort();
      stopLooking();
    };
  };
}

/** The page around this code, if there is one. */
export function pageHere(): Page {
  if (typeof window === "undefined" || typeof document === "undefined") return NO_PAGE;
  return browserPage(window, document, Date.now);
}

/** A timer that finds that much more time has passed than it waited has slept with the machine, or its page was hidden. */
function lookForSleep(wallClock: () => number, slept: () => void): () => void {
  let looked = wallClock();
  const timer = setInterval(() => {
    const before = looked;
    looked = wallClock();
    if (looked - before > 2 * LOOK_EVERY_MS) slept();
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
