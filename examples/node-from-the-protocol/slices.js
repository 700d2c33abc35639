// A snapshot that comes in several messages, put together.
// @ts-check

import { TEXT_OF } from './fold.js';

/** Collects one snapshot. A new call begins with a new one. */
export class Slices {
  /** @type {any} */
  #whole;
  /** @type {string[]} Text of the last part, not joined yet: a large part comes in many slices. */
  #chunks = [];

  /** Whether a snapshot is under way. */
  get pending() {
    return this.#whole !== undefined;
  }

  /** @param {any} slice a JobState */
  add(slice) {
    if (!this.#whole) {
      this.#whole = { ...slice, parts: [] };
    } else {
      for (const [field, value] of Object.entries(slice)) {
        if (field === 'parts') continue;
        // Repeated fields are joined; of all others those that are set replace what was there.
        if (Array.isArray(value)) this.#whole[field] = [...this.#whole[field], ...value];
        else if (value) this.#whole[field] = value;
      }
    }
    const parts = this.#whole.parts;
    for (const [place, part] of slice.parts.entries()) {
      const last = parts.at(-1);
      if (place === 0 && last?.index === part.index) {
        const field = TEXT_OF[last.kind];
        if (field && part.kind === last.kind) this.#chunks.push(part[part.kind][field]);
      } else {
        this.#joinText();
        parts.push(part);
      }
    }
  }

  /** The whole snapshot; the next one begins anew. @returns {any} */
  take() {
    this.#joinText();
    const whole = this.#whole;
    this.#whole = undefined;
    return whole;
  }

  #joinText() {
    if (!this.#chunks.length) return;
    const parts = this.#whole.parts;
    const { kind, ...part } = parts.at(-1);
    const field = TEXT_OF[kind];
    const text = part[kind][field] + this.#chunks.join('');
    parts[parts.length - 1] = { ...part, kind, [kind]: { ...part[kind], [field]: text } };
    this.#chunks = [];
  }
}
