/** The page: signs in and asks at the backend, and reads answers from streamsvc itself, through Envoy. */

import { type JobState, StreamsvcClient } from "@streamsvc/client";

const client = new StreamsvcClient(location.origin);
const login = document.querySelector<HTMLFormElement>("#login")!;
const ask = document.querySelector<HTMLFormElement>("#ask")!;
const answer = document.querySelector<HTMLElement>("#answer")!;

/** Shows a job as far as it has come, to its end. After a reload the same job is followed again. */
async function follow(jobId: string): Promise<void> {
  answer.dataset["job"] = jobId;
  answer.dataset["status"] = "running";
  const job = client.stream(jobId, { fold: true });
  for await (const _ of job) show(job.state);
  answer.dataset["status"] = "ended";
}

function show({ parts }: JobState): void {
  answer.textContent = parts.map(({ kind }) => (kind.case === "text" ? kind.value.text : "")).join("");
}

async function backend(path: string, body?: BodyInit, type = "application/json"): Promise<Response> {
  return fetch(path, body === undefined ? {} : { method: "POST", body, headers: { "content-type": type } });
}

async function begin(): Promise<void> {
  const mine = await backend("/api/jobs");
  login.hidden = mine.ok;
  ask.hidden = !mine.ok;
  const [newest] = mine.ok ? ((await mine.json()) as string[]) : [];
  if (newest) await follow(newest);
}

login.addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = new URLSearchParams(new FormData(login) as unknown as Record<string, string>);
  void backend("/api/login", typed, "application/x-www-form-urlencoded").then(begin);
});

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = new FormData(ask).get("prompt");
  void backend("/api/jobs", JSON.stringify({ prompt }))
    .then((started) => started.json() as Promise<{ id: string }>)
    .then(({ id }) => follow(id));
});

document.querySelector("#stop")!.addEventListener("click", () => {
  void backend(`/api/jobs/${answer.dataset["job"]}/cancel`, "");
});

void begin();
