#!lua
-- Appends a frozen batch to the log of an open job.
-- KEYS: job, log
-- ARGV: "<fence> <after> <last> <ttl ms> <time ms> <epoch>", frames
-- Reply: nil; why a cancel was asked for; 1 if the job's keys must be kept longer (see touch.lua); or a refusal
local now = now_ms()
local job, batch, reply = admit(KEYS[1], ARGV[1], now)
if not job then
  return reply
end
-- The log first: where memory has run out it fails, and nothing has changed.
if not redis.call('XADD', KEYS[2], 'NOMKSTREAM', batch.last .. '-0', 'f', ARGV[2]) then
  return {'LOST'}
end
local expires = now + job.keep
redis.call('HSET', KEYS[1], 'last', batch.last, 'time', batch.time, 'step', batch.step,
  'lease', lease_end(job, now, batch.ttl), 'expires', expires)
if job.released then
  redis.call('HDEL', KEYS[1], 'released')
end
announce(KEYS[1], batch.epoch, batch.after, batch.last, false, ARGV[2])
if job.cancel then
  return job.cancel
end
if expires > job.vanishes then
  return 1
end
