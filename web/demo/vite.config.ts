/** How the page is built: for the Envoy that serves it, or for `npm run dev` beside one. */

import { fileURLToPath } from "node:url";

import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  resolve: {
    alias: [
      { find: /^@streamsvc\/client$/, replacement: fileURLToPath(new URL("../src/index.ts", import.meta.url)) },
      { find: "@streamsvc/client/react", replacement: fileURLToPath(new URL("../src/react.ts", import.meta.url)) },
    ],
  },
  server: { host: "127.0.0.1", port: 5173, strictPort: true },
});
