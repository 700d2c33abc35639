/** An AG-UI agent whose runs are jobs, for frontends that are built on AG-UI's client. */

import { AbstractAgent, type AgentConfig } from "@ag-ui/client";
import type { BaseEvent, RunAgentInput } from "@ag-ui/core";
import { Observable, type Subscriber } from "rxjs";

import type { StreamsvcClient } from "../client.js";
import { CatchUpMode } from "../gen/streamsvc/v1/job_service_pb.js";
import type { JobStream } from "../stream.js";
import { toAgUi } from "./index.js";

export interface StreamsvcAgentConfig extends AgentConfig {
  readonly client: StreamsvcClient;
  /** Starts the job of a run, at your backend for example, and returns its id. */
  readonly start: (input: RunAgentInput) => Promise<string>;
}

/** Follows jobs as AG-UI runs. A run that is left goes on: who runs the agent again with its `runId` follows it again. */
export class StreamsvcAgent extends AbstractAgent {
  private job: JobStream | undefined;

  constructor(private readonly config: StreamsvcAgentConfig) {
    super(config);
  }

  override run(input: RunAgentInput): Observable<BaseEvent> {
    return new Observable((run) => {
      this.follow(input, run).then(
        () => run.complete(),
        (error: unknown) => run.error(error),
      );
      return () => this.abortRun();
    });
  }

  /** Stops following. The job goes on. */
  override abortRun(): void {
    this.job?.close();
  }

  override clone(): StreamsvcAgent {
    return Object.assign(super.clone() as StreamsvcAgent, { config: this.config });
  }

  private async follow(input: RunAgentInput, run: Subscriber<BaseEvent>): Promise<void> {
    const jobId = await this.config.start(input);
    if (run.closed) return;
    this.job = this.config.client.stream(jobId, { catchUp: CatchUpMode.SNAPSHOT });
    for await (const event of toAgUi(this.job, input)) run.next(event);
  }
}
