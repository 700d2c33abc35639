/** The page of the AI SDK's guides to useChat: messages, Stop, Regenerate, approvals; for a server of its own. */

import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithApprovalResponses } from "ai";
import { useState } from "react";

import { Message } from "./message.js";

const transport = new DefaultChatTransport({ api: "/api/chat" });

export function Page() {
  const chat = useChat({
    transport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  const { messages, sendMessage, status, error, stop, regenerate, addToolApprovalResponse } = chat;
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
