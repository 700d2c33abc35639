// Runs the handler of docs/http.md in Node, which has no EventSource: prints a line for each event, and how it ended.
const { readFileSync } = require("node:fs");
const [, , docs, base, jobId] = process.argv;

class EventSource {
  static CLOSED = 2;
  readyState = 0;
  #aborted = new AbortController();

  constructor(url) {
    this.#read(url).catch(() => {}).then(() => {
      if (!this.#aborted.signal.aborted) this.onerror();
    });
  }

  close() {
    this.readyState = EventSource.CLOSED;
    this.#aborted.abort();
  }

  async #read(url) {
    const response = await fetch(url, { signal: this.#aborted.signal });
    if (response.status !== 200) {
      this.readyState = EventSource.CLOSED;
      return;
    }
    let held = "";
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (held + text).split("\n\n");
      held = blocks.pop();
      for (const block of blocks) this.onmessage({ data: block.replace(/^data: /, "") });
    }
  }
}

const [, handler] = readFileSync(docs, "utf8").match(/```js\n([^]*?)```/);
const followJob = new Function("EventSource", `${handler}; return followJob;`)(EventSource);
followJob(base, jobId, {
  onEvent: (event) => console.log("event", event.offset, Object.keys(event).at(-1)),
  onSnapshot: (slices) => console.log("snapshot", slices.length),
  onEnd: (known) => console.log("end", known),
});
