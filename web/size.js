/** Prints what the client adds to a page, and fails if that is too much. */

import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "vite";

const MOST_BYTES = 40_000;

const PAGE = `
  import { StreamsvcClient } from "@streamsvc/client";
  const client = new StreamsvcClient(location.origin);
  const job = await client.start("Why is the sky blue?");
  for await (const item of client.stream(job.id, { fold: true })) console.log(item);
`;

/** The page as a module that needs no file. */
const page = {
  name: "page",
  resolveId: (id) => (id === "page" ? id : undefined),
  load: (id) => (id === "page" ? PAGE : undefined),
};

const client = fileURLToPath(new URL("src/index.ts", import.meta.url));
const { output } = await build({
  configFile: false,
  logLevel: "warn",
  plugins: [page],
  resolve: { alias: { "@streamsvc/client": client } },
  build: { write: false, target: "es2022", rollupOptions: { input: "page" } },
});
const code = output.map((file) => file.code).join("");
const bytes = gzipSync(code, { level: 9 }).length;
console.log(
  `start and stream, with all that they need: ${code.length} bytes, ${bytes} gzipped (at most ${MOST_BYTES})`,
);
if (bytes > MOST_BYTES) process.exitCode = 1;
