#!lua flags=allow-oom
-- Lets the keys of a running job live as long as the job is known, and as long again.
-- KEYS: job, log, request, checkpoint
-- Reply: nil
local job = load(KEYS[1], now_ms())
if job and not job.closed then
  local vanishes = redis.call('HGET', KEYS[1], 'expires') + job.keep
  redis.call('HSET', KEYS[1], 'vanishes', vanishes)
  keep_keys(KEYS, vanishes)
end
