#!lua
-- Appends a frozen batch to the log of an open job.
-- KEYS: job, log
-- ARGV: "<fence> <after> <last> <ttl ms> <time ms> <epoch>", frames
-- Reply: nil; why a cancel was asked for; 1 if the job's keys must be kept longer (see touch.lua); or a refusal
local fence, after, last, ttl, time, epoch = string.match(ARGV[1], '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
local now = now_ms()
local job, refusal = load_for_writer(KEYS[1], now)
if refusal then
  return refusal
end
local step = after .. ' ' .. last .. ' ' .. epoch
if job.step == step then
  return job.cancel
end
refusal = refuse(job, epoch, tonumber(fence), tonumber(after))
if refusal then
  return refusal
end
if job.closed then
  return {'CLOSED', job.last}
end
if job.last > tonumber(after) then
  return {'MISMATCH', job.last}
end
-- The log first: where memory has run out it fails, and nothing has changed.
if not redis.call('XADD', KEYS[2], 'NOMKSTREAM', last .. '-0', 'f', ARGV[2]) then
  return {'LOST'}
end
local expires = now + job.keep
redis.call('HSET', KEYS[1], 'last', last, 'time', time, 'step', step, 'lease', now + ttl, 'expires', expires)
if job.released then
  redis.call('HDEL', KEYS[1], 'released')
end
announce(KEYS[1], epoch, after, last, false, ARGV[2])
if job.cancel then
  return job.cancel
end
if expires > job.vanishes then
  return 1
end
