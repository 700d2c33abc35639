/** Tabs that come and go, calls that are cut, leaders that crash, at random: every reader is exact. */

import { expect, test } from "vitest";

import { eventually } from "../support/eventually.js";
import { FakeService } from "../support/service.js";
import { Browser, type Tab } from "../support/tabs.js";
import { seeded } from "../support/seeded.js";

const STEPS = 60;
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);

type Reader = ReturnType<Tab["read"]>;

test.each(SEEDS)("seed %i", (seed) => chaos(seed, "web"));
test.each(SEEDS.slice(0, 10))("seed %i, without Web Locks", (seed) => chaos(seed, "channel"));

async function chaos(seed: number, locks: "web" | "channel"): Promise<void> {
  const random = seeded(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const service = new FakeService();
  service.begin("a");
  const browser = new Browser(service, locks);
  const readers = new Map<Tab, Reader>();
  const open = () => {
    const tab = browser.open();
    readers.set(tab, tab.read("a"));
  };
  const close = (how: (tab: Tab) => void) => {
    if (readers.size < 2) return;
    const tab = pick([...readers.keys()]);
    how(tab);
    readers.delete(tab);
  };
  const steps: (() => void)[] = [
    ...Array.from({ length: 6 }, () => () => service.text("a", "word ")),
    open,
    () => close((tab) => tab.crash()),
    () => close((tab) => tab.page.leave()),
    () => service.cut(),
    () => pick([...readers.keys()]).page.online(),
    () => service.takeOver("a", `e${random()}`),
  ];
  open();
  open();
  for (let step = 0; step < STEPS; step++) {
    pick(steps)();
    // Some of what follows from a step happens before the next one, some after.
    for (let turn = Math.floor(random() * 4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
  }
  service.end("a");
  const all = service.log("a").map(({ offset }) => offset);
  for (const { done, seen } of readers.values()) {
    await done;
    expect(seen).toEqual(all);
  }
  await eventually(() => expect(service.open.size).toBe(0));
  browser.close();
}
