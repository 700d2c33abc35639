#!lua flags=allow-oom
-- Gives a job away, so that another may acquire it at once.
-- KEYS: job
-- ARGV: "<fence> <epoch>"
-- Reply: the Job message with its place in the log beside it, as get.lua, or a refusal
local fence, epoch = string.match(ARGV[1], '^(%d+) (.*)$')
local now = now_ms()
local job, refusal = load_for_writer(KEYS[1], now)
if refusal then
  return refusal
end
refusal = refuse(job, epoch, tonumber(fence), 0)
if refusal then
  return refusal
end
redis.call('HSET', KEYS[1], 'lease', now, 'released', '1')
redis.call('HDEL', KEYS[1], 'claim')
return standing(KEYS[1])
