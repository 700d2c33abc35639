#!lua
-- Makes the caller the writer of an open job whose lease has run out or was released: a higher fence, a new epoch.
-- A claim that is repeated gets the lease that it has.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<ttl ms> <epoch>", how it is claimed: "", "CLAIM" or "SEIZE", the claim's name or ""
-- Reply: {job, epoch, last, time, chain, fence, losses, cancel or nil, outside or nil, "1" if handed over, request,
--         notes, ms until the lease ends}, or a refusal
local ttl, epoch = string.match(ARGV[1], '^(%d+) (.*)$')
local now = now_ms()
local job, refusal = load(KEYS[1], now)
if refusal then
  return refusal
end
if job.closed then
  return {'CLOSED', job.last}
end
local how, name = ARGV[2], ARGV[3]
if name == '' or name ~= job.claim then
  local free = how == '' and free_at(job) or how == 'CLAIM' and job.lease or now
  if free > now then
    return {'HELD', free - now}
  end
  local chain, losses = unpack(redis.call('HMGET', KEYS[1], 'chain', 'losses'))
  chain = chain .. (chain == '' and '' or '\n') .. job.last .. ' ' .. job.epoch
  losses = losses + (job.released and 0 or 1)
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'fence', job.fence + 1, 'chain', chain, 'losses', losses)
end
local expires = now + job.keep
local vanishes = expires + job.keep
local ends = lease_end(job, now, ttl)
redis.call('HSET', KEYS[1], 'lease', ends, 'expires', expires, 'vanishes', vanishes)
redis.call('HDEL', KEYS[1], 'released', 'claim')
if name ~= '' then
  redis.call('HSET', KEYS[1], 'claim', name)
end
if job.outside then
  redis.call('HSET', KEYS[1], 'outside', string.match(job.outside, '^%d+ %d+ ') .. ttl)
end
keep_keys(KEYS, vanishes)
local reply = standing(KEYS[1])
reply[10] = job.released or ''
reply[11], reply[12] = unpack(redis.call('HMGET', KEYS[3], 'request', 'notes'))
reply[13] = math.max(0, ends - now)
return reply
