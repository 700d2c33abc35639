#!lua
-- Appends a frozen batch that changes more of the job than its last offset, or its notes.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<fence> <after> <last> <ttl ms> <time ms> <epoch>", frames, job or "", retention ms if it closes the log or "",
--       "1" if notes are given or "", notes
-- Reply: as append.lua, but never 1; {1, the same} if it closes the log of processes outside the service
local now = now_ms()
local job, batch, reply = admit(KEYS[1], ARGV[1], now)
if not job then
  return reply
end
if not redis.call('XADD', KEYS[2], 'NOMKSTREAM', batch.last .. '-0', 'f', ARGV[2]) then
  return {'LOST'}
end
local closes = ARGV[4] ~= ''
local expires = now + (closes and ARGV[4] or job.keep)
local vanishes = closes and expires or expires + job.keep
redis.call('HSET', KEYS[1], 'last', batch.last, 'time', batch.time, 'step', batch.step,
  'lease', lease_end(job, now, batch.ttl), 'expires', expires, 'vanishes', vanishes)
redis.call('HDEL', KEYS[1], 'released')
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'job', ARGV[3])
end
if closes then
  redis.call('HSET', KEYS[1], 'closed', '1')
  redis.call('DEL', KEYS[3])
elseif ARGV[5] ~= '' then
  redis.call('HSET', KEYS[3], 'notes', ARGV[6])
end
keep_keys(KEYS, vanishes)
announce(KEYS[1], batch.epoch, batch.after, batch.last, closes, ARGV[2])
if closes and job.outside then
  return {1, job.cancel}
end
return job.cancel
