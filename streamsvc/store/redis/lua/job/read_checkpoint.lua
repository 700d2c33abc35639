#!lua flags=no-writes
-- Returns the newest checkpoint.
-- KEYS: job, checkpoint
-- Reply: the state, nil if there is none, or a refusal
local job, refusal = load(KEYS[1], now_ms())
if refusal then
  return refusal
end
return job.checkpoint > 0 and redis.call('GET', KEYS[2])
