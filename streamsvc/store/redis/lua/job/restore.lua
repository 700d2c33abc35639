#!lua
-- Puts back what the store lost of a job: the rest of its log, or all that its writer knows.
-- KEYS: job, log, request, checkpoint
-- ARGV: "<fence> <after> <last> <ttl ms> <keep ms> <time ms> <losses> <epoch>", "<after of the pieces>",
--       job, chain, digest, request, notes, state or "", retention ms if it has ended or "",
--       then the frames in pieces, each as its last offset and its frames
-- Reply: nil or why a cancel was asked for if nothing was lost; {"BACK", the same} if it was put back;
--        {"FROM", last} if only what follows `last` is wanted; or a refusal
local fence, after, last, ttl, keep, time, losses, epoch =
  string.match(ARGV[1], '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
local from, closes = ARGV[2], ARGV[9] ~= ''
fence, after, last, losses = tonumber(fence), tonumber(after), tonumber(last), tonumber(losses)
local now = now_ms()
local job, refusal = load(KEYS[1], now)
if refusal and refusal[1] == 'DELETED' then
  return refusal
end
local goes_on, digest = false, ARGV[5]
if job then
  if job.closed then
    return {'CLOSED', job.last}
  end
  -- After a loss two writers may have been given the same fence; only the epoch tells them apart.
  local own = job.fence == fence and job.epoch == epoch
  if job.fence > fence or (job.fence == fence and not own) then
    return {'FENCED', job.last}
  end
  local there = redis.call('EXISTS', KEYS[2]) == 1
  if own and there and job.last >= last then
    return job.cancel
  end
  -- What the own fence left behind is the beginning of what its only writer has.
  goes_on = own and there and job.last >= after
  if goes_on and tonumber(from) ~= job.last then
    return {'FROM', job.last}
  end
  digest = redis.call('HGET', KEYS[1], 'digest')
  losses = math.max(losses, tonumber(redis.call('HGET', KEYS[1], 'losses')))
end
if not goes_on then
  redis.call('DEL', KEYS[2], KEYS[4])
  if #ARGV == 9 then
    redis.call('XADD', KEYS[2], math.max(last, 1) .. '-0', 'f', '')
    redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
  end
  redis.call('HSET', KEYS[1], 'base', after, 'checkpoint', after)
  if ARGV[8] ~= '' then
    redis.call('SET', KEYS[4], ARGV[8])
  end
end
for i = 10, #ARGV, 2 do
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 'f', ARGV[i + 1])
end
local expires = now + (closes and ARGV[9] or keep)
local vanishes = closes and expires or expires + keep
redis.call('HSET', KEYS[1], 'job', ARGV[3], 'digest', digest, 'epoch', epoch, 'fence', fence, 'last', last,
  'chain', ARGV[4], 'losses', losses, 'step', '', 'time', time, 'lease', now + ttl, 'keep', keep,
  'expires', expires, 'vanishes', vanishes)
redis.call('HDEL', KEYS[1], 'released')
redis.call('DEL', KEYS[3])
if closes then
  redis.call('HSET', KEYS[1], 'closed', '1')
else
  redis.call('HSET', KEYS[3], 'request', ARGV[6], 'notes', ARGV[7])
end
keep_keys(KEYS, vanishes)
announce(KEYS[1], epoch, from, last, closes, #ARGV == 11 and ARGV[11] or '')
return {'BACK', job and job.cancel or false}
