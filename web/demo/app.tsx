/** The page: the conversations, and the one that is shown. */

import { useState, useSyncExternalStore } from "react";

import { Chat } from "./chat.js";
import { type Listed, useConversations } from "./conversations.js";
import { ThemeButton } from "./theme.js";

/** What the address names is shown, so that a reload, a bookmark and the way back find it again. */
export function App() {
  const { conversations, running } = useConversations();
  const named = useSyncExternalStore(heardOfAddress, address);
  const [fresh, setFresh] = useState(newId);
  const id = named || fresh;
  const beginNew = () => {
    setFresh(newId());
    location.hash = "";
  };
  return (
    <div className="page">
      <nav aria-label="Conversations">
        <header>
          <strong>streamsvc</strong>
          <ThemeButton />
        </header>
        <button type="button" className="new" onClick={beginNew}>
          New chat
        </button>
        <ul>
          {conversations.map((one) => (
            <Entry key={one.id} conversation={one} shown={one.id === id} running={running.has(one.id)} />
          ))}
        </ul>
      </nav>
      <Chat key={id} id={id} begin={() => void (location.hash = `/${id}`)} />
    </div>
  );
}

interface EntryProps {
  readonly conversation: Listed;
  readonly shown: boolean;
  readonly running: boolean;
}

function Entry({ conversation: { id, title }, shown, running }: EntryProps) {
  return (
    <li>
      <a href={`#/${id}`} {...(shown && { "aria-current": "page" as const })}>
        <span className="title">{title}</span>
        {running && <span className="dot" role="img" aria-label="answering" />}
      </a>
    </li>
  );
}

function heardOfAddress(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

function address(): string {
  return location.hash.replace(/^#\/?/, "");
}

function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
