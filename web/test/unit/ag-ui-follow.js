/** AG-UI's own HTTP client, for tests: `node ag-ui-follow.js URL INPUT` prints what it has in the end. */

import { HttpAgent } from "@ag-ui/client";

const [url, input] = process.argv.slice(2);
const { threadId, runId, messages } = JSON.parse(input);
const agent = new HttpAgent({ url, threadId, initialMessages: messages });
await agent.runAgent({ runId });
process.stdout.write(JSON.stringify({ messages: agent.messages, interrupts: agent.pendingInterrupts }));
