/** Shows the chat. */

import { createRoot } from "react-dom/client";

import { Page } from "./chat.js";
import "./style.css";

createRoot(document.getElementById("page") as HTMLElement).render(<Page />);
