/** A chat page on streamsvc. */

import { StreamsvcClient } from "@streamsvc/client";
import { StreamsvcContext } from "@streamsvc/client/react";
import { createRoot } from "react-dom/client";

import { App } from "./app.js";
import "./style.css";
import "./conversation.css";
import "./questions.css";

/** The page is served by the Envoy that it calls; `npm run dev` names another one. */
const service = (import.meta.env.VITE_SERVICE as string | undefined) ?? location.origin;
/** As long as the page is open it goes on trying: whoever comes back to it wants to see the answer. */
const client = new StreamsvcClient(service, { heartbeatIntervalMs: 5_000, giveUpAfterMs: Number.POSITIVE_INFINITY });

createRoot(document.getElementById("page") as HTMLElement).render(
  <StreamsvcContext.Provider value={client}>
    <App />
  </StreamsvcContext.Provider>,
);
