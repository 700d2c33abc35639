/** The AI SDK on streamsvc: a transport of `useChat`, and jobs as its messages and chunks. */

export { live, type ChatView } from "./live.js";
export { type AnswerMetadata, messageOf, messagesOf } from "./message.js";
export { chatMessagesOf } from "./sent.js";
export { type Defaults, type SendBody, StreamsvcTransport } from "./transport.js";
export { toUIMessageStream, type UIStreamOptions } from "./ui-stream.js";
