/** How the page is built: `npx vite build ../examples/fastapi` in web/. */

import { fileURLToPath } from "node:url";

export default {
  resolve: {
    alias: { "@streamsvc/client": fileURLToPath(new URL("../../web/src/index.ts", import.meta.url)) },
  },
};
