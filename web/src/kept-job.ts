/** The job that a tab shows, kept over a reload of its page. */

import { Store } from "./store.js";

/**
 * The id of a job under `key` in the tab's sessionStorage, or undefined.
 *
 * Only the id: a cursor is good only together with the state that it stands for, so after a reload a page begins with a
 * snapshot. Where storage is refused (a page may be denied it), the id lives as long as the page.
 */
export class KeptJob extends Store<string | undefined> {
  #id: string | undefined;

  constructor(
    private readonly key: string,
    private readonly storage: () => Storage = () => sessionStorage,
  ) {
    super();
    this.#id = this.#try((kept) => kept.getItem(key)) ?? undefined;
  }

  /** Keeps another id; undefined keeps none. */
  readonly set = (id: string | undefined): void => {
    this.#id = id;
    this.#try((kept) => (id === undefined ? kept.removeItem(this.key) : kept.setItem(this.key, id)));
    this.changed();
  };

  protected override snapshot(): string | undefined {
    return this.#id;
  }

  protected override async work(): Promise<void> {}

  protected override stop(): void {}

  #try<T>(use: (storage: Storage) => T): T | undefined {
    try {
      return use(this.storage());
    } catch {
      return undefined;
    }
  }
}
