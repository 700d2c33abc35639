#!lua flags=allow-oom
-- Asks the writer of an open job to stop; the first reason stays.
-- KEYS: job
-- ARGV: reason
-- Reply: as get.lua
local now = now_ms()
local job, refusal = load(KEYS[1], now)
if refusal then
  return refusal
end
if not job.closed and redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1]) == 1 and job.outside then
  local limit = now + string.match(job.outside, ' (%d+) ')
  redis.call('HSET', KEYS[1], 'limit', limit, 'lease', math.min(job.lease, limit))
end
return standing(KEYS[1])
