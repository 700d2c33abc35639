/** How the page is built: with the client of this repository. `npm run dev` passes its calls on to a service behind Envoy. */

import { fileURLToPath } from "node:url";

const client = fileURLToPath(new URL("../../web/src/", import.meta.url));

export default {
  resolve: {
    alias: [
      { find: /^@streamsvc\/client$/, replacement: `${client}index.ts` },
      { find: /^@streamsvc\/client\/ai$/, replacement: `${client}ai/index.ts` },
      { find: /^@streamsvc\/client\/ai\/react$/, replacement: `${client}ai/react.ts` },
    ],
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/streamsvc.v1.JobService": { target: process.env["SERVICE"] ?? "http://127.0.0.1:8080" } },
  },
};
