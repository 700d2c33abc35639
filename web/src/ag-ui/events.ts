/** AG-UI's events as plain objects: its package is needed for types only. */

import type { AGUIEventOf, Event as AgUiEvent, EventType } from "@ag-ui/core";

export type { AgUiEvent };

/** An object whose undefined fields are left out. */
type Loose<T> = { [Key in keyof T]: T[Key] | undefined };

type Name = keyof typeof EventType;

/** `T` of these fields, without those that are undefined. */
export function present<T extends object>(fields: Loose<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** What is told, in order, until it is taken. */
export class Told {
  #events: AgUiEvent[] = [];

  /** How much waits to be taken. */
  get length(): number {
    return this.#events.length;
  }

  /** Adds the event of this type. */
  say<Type extends Name>(type: Type, fields: Loose<Omit<AGUIEventOf<(typeof EventType)[Type]>, "type">>): void {
    this.#events.push({ type, ...present(fields) } as unknown as AgUiEvent);
  }

  /** What was told since the last call. */
  take(): AgUiEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
