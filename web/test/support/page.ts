/** A page without a browser. */

import { browserPage } from "../../src/page.js";

/** Events of a page, as a browser would send them; its clocks are those of the test. */
export class FakePage {
  readonly #window = new EventTarget();
  readonly #document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly page = browserPage(this.#window, this.#document as unknown as Document, Date.now);

  online(): void {
    this.#window.dispatchEvent(new Event("online"));
  }

  hide(): void {
    this.#show("hidden");
  }

  show(): void {
    this.#show("visible");
  }

  leave(): void {
    this.#window.dispatchEvent(new Event("pagehide"));
  }

  comeBack(): void {
    this.#window.dispatchEvent(new Event("pageshow"));
  }

  #show(visibilityState: string): void {
    this.#document.visibilityState = visibilityState;
    this.#document.dispatchEvent(new Event("visibilitychange"));
  }
}
