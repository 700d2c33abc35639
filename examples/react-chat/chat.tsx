/** The same page on streamsvc: another transport, and what keeps the page in step with other tabs and after a load. */

import { useChat } from "@ai-sdk/react";
import { StreamsvcClient } from "@streamsvc/client";
import { StreamsvcTransport } from "@streamsvc/client/ai";
import { useLiveChat } from "@streamsvc/client/ai/react";
import { lastAssistantMessageIsCompleteWithApprovalResponses } from "ai";
import { useState } from "react";

import { Message } from "./message.js";

const transport = new StreamsvcTransport(new StreamsvcClient(location.origin));
const id = location.hash.slice(1) || crypto.randomUUID();
location.hash = id;

export function Page() {
  const chat = useChat({
    id,
    transport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const broken = useLiveChat(chat, transport);
  const { messages, sendMessage, status, error = broken, stop, regenerate, addToolApprovalResponse } = chat;
  const [input, setInput] = useState("");
  return (
    <main data-status={status}>
      {messages.map((message) => (
        <Message key={message.id} message={message} answer={(answer) => void addToolApprovalResponse(answer)} />
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!input.trim()) return;
          void sendMessage({ text: input });
          setInput("");
        }}
      >
        <input
          value={input}
          onChange={(event) => setInput(event.target.value)}
          disabled={status === "submitted" || status === "streaming"}
          placeholder="Say something..."
        />
        {status === "submitted" || status === "streaming" ? (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        ) : (
          <button type="button" onClick={() => void regenerate()} disabled={messages.length === 0}>
            Regenerate
          </button>
        )}
      </form>
    </main>
  );
}
