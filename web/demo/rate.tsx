/** How fast an answer comes. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JobState } from "@streamsvc/client";
import { useEffect, useRef, useState } from "react";

const LOOK_MS = 500;
/** Over so many looks: long enough to be read, short enough to be of now. */
const LOOKS = 6;

/** Tokens a second: of the last seconds while the answer comes live, of the whole once it is there. */
export function Rate({ state, live }: { readonly state: JobState; readonly live: boolean }) {
  const now = useRate(state.offset, live);
  const rate = live ? now : overall(state);
  return rate > 0 ? <span className="rate">{rate.toFixed(rate < 10 ? 1 : 0)} tokens/s</span> : null;
}

/** Events a second, which are tokens but for the few that begin and end something. */
function useRate(offset: number, live: boolean): number {
  const newest = useRef(offset);
  newest.current = offset;
  const [rate, setRate] = useState(0);
  useEffect(() => {
    if (!live) return undefined;
    const seen = [newest.current];
    const timer = setInterval(() => {
      seen.push(newest.current);
      if (seen.length > LOOKS + 1) seen.shift();
      const first = seen[0] ?? 0;
      setRate(((newest.current - first) * 1000) / ((seen.length - 1) * LOOK_MS));
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [live]);
  return rate;
}

function overall({ job, usage, offset }: JobState): number {
  if (!job?.createTime || !job.completeTime) return 0;
  const seconds = (timestampMs(job.completeTime) - timestampMs(job.createTime)) / 1000;
  const tokens = Number(usage?.outputTokens ?? 0) || offset;
  return seconds > 0 ? tokens / seconds : 0;
}
