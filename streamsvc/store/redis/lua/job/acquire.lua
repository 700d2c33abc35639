#!lua
-- Makes the caller the writer of an open job whose lease has run out or was released: a higher fence, a new epoch.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<ttl ms> <epoch>"
-- Reply: {job, epoch, last, time, chain, fence, losses, cancel or nil, "1" if handed over, request, notes}, or a refusal
local ttl, epoch = string.match(ARGV[1], '^(%d+) (.*)$')
local now = now_ms()
local job, refusal = load(KEYS[1], now)
if refusal then
  return refusal
end
if job.closed then
  return {'CLOSED', job.last}
end
if job.lease > now then
  return {'HELD', job.lease - now}
end
local chain, losses = unpack(redis.call('HMGET', KEYS[1], 'chain', 'losses'))
chain = chain .. (chain == '' and '' or '\n') .. job.last .. ' ' .. job.epoch
losses = losses + (job.released and 0 or 1)
local expires = now + job.keep
local vanishes = expires + job.keep
redis.call('HSET', KEYS[1], 'epoch', epoch, 'fence', job.fence + 1, 'chain', chain, 'losses', losses,
  'lease', now + ttl, 'expires', expires, 'vanishes', vanishes)
redis.call('HDEL', KEYS[1], 'released')
keep_keys(KEYS, vanishes)
local reply = standing(KEYS[1])
reply[9] = job.released or ''
reply[10], reply[11] = unpack(redis.call('HMGET', KEYS[3], 'request', 'notes'))
return reply
