#!lua flags=allow-oom
-- Prolongs the writer's lease, unless it has closed the log.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<fence> <last> <ttl ms> <epoch>"
-- Reply: {job, cancel or nil, "1" if closed, ms until its lease ends}, or a refusal
local fence, last, ttl, epoch = string.match(ARGV[1], '^(%d+) (%d+) (%d+) (.*)$')
local now = now_ms()
local job, refusal = load_for_writer(KEYS[1], now)
if refusal then
  return refusal
end
refusal = refuse(job, epoch, tonumber(fence), tonumber(last))
if refusal then
  return refusal
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  return {'LOST'}
end
local ends = lease_end(job, now, ttl)
if not job.closed then
  local expires = now + job.keep
  redis.call('HSET', KEYS[1], 'lease', ends, 'expires', expires)
  redis.call('HDEL', KEYS[1], 'released')
  if expires > job.vanishes then
    redis.call('HSET', KEYS[1], 'vanishes', expires + job.keep)
    keep_keys(KEYS, expires + job.keep)
  end
end
local found = redis.call('HMGET', KEYS[1], 'job', 'cancel')
return {found[1], found[2], job.closed or '', math.max(0, ends - now)}
