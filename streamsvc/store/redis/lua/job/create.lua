#!lua
-- Creates a job with its first events, its request and a lease, or finds it.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<last> <ttl ms> <keep ms> <time ms> <epoch>", frames, job, request, digest,
--       "<claim_grace ms> <cancel_grace ms> <ttl ms>" of a job of processes outside the service or "", its claim or ""
-- Reply: nil, {"FOUND"}, or a refusal
local last, ttl, keep, time, epoch = string.match(ARGV[1], '^(%d+) (%d+) (%d+) (%d+) (.*)$')
local now = now_ms()
local found, refusal = load(KEYS[1], now)
if found then
  if redis.call('HGET', KEYS[1], 'digest') == ARGV[5] then
    return {'FOUND'}
  end
  return {'REUSED'}
end
if refusal[1] == 'DELETED' then
  return refusal
end
redis.call('DEL', unpack(KEYS)) -- of a job that was forgotten and has not vanished yet
redis.call('XADD', KEYS[2], last .. '-0', 'f', ARGV[2])
local expires = now + keep
local vanishes = expires + keep
redis.call('HSET', KEYS[1], 'job', ARGV[3], 'digest', ARGV[5], 'epoch', epoch, 'fence', 1, 'last', last,
  'chain', '', 'losses', 0, 'step', '0 ' .. last .. ' ' .. epoch, 'time', time, 'base', 0, 'checkpoint', 0,
  'lease', now + ttl, 'keep', keep, 'expires', expires, 'vanishes', vanishes)
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'outside', ARGV[6], unpack(ARGV[7] ~= '' and {'claim', ARGV[7]} or {}))
end
if ttl == '0' then
  redis.call('HSET', KEYS[1], 'released', '1') -- nobody holds it
end
redis.call('HSET', KEYS[3], 'request', ARGV[4], 'notes', '')
keep_keys(KEYS, vanishes)
announce(KEYS[1], epoch, 0, last, false, ARGV[2])
