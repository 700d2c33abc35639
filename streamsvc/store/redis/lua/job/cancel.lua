#!lua flags=allow-oom
-- Asks the writer of an open job to stop; the first reason stays.
-- KEYS: job
-- ARGV: reason
-- Reply: as get.lua
local job, refusal = load(KEYS[1], now_ms())
if refusal then
  return refusal
end
if not job.closed then
  redis.call('HSETNX', KEYS[1], 'cancel', ARGV[1])
end
return standing(KEYS[1])
