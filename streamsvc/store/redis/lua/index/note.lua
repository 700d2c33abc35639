#!lua flags=allow-oom
-- Takes note in its owner's indexes that a job is new, changed or gone, and says so.
-- KEYS: jobs, open, changed, gone, meta[, jobs and open of the conversation, its claim]
-- ARGV: job id, conversation's digest or "", "OPEN", "ENDED" or "GONE", create_time in ms, how long what is gone is
--       remembered in ms, most of them, a new name for the order of changes, Job or ""
-- Reply: nil
local id, conversation, stands, made, kept, most, name, job = unpack(ARGV)
local jobs, open, changed, gone, meta = unpack(KEYS, 1, 5)
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
if stands == 'GONE' then
  local removed = 0
  for i, key in ipairs(KEYS) do
    if i ~= 4 and i ~= 5 and i ~= 8 then
      removed = removed + redis.call('ZREM', key, id)
    end
  end
  if removed == 0 and redis.call('ZSCORE', gone, id .. ' ' .. conversation) then
    return -- it was told already
  end
end
redis.call('HSETNX', meta, 'name', name)
-- Each change has a number of its own, about the time in microseconds, above all before it.
local newest = tonumber(redis.call('HGET', meta, 'newest') or 0)
local number = string.format('%.0f', math.max(now, newest + 1))
redis.call('HSET', meta, 'newest', number)
if stands == 'GONE' then
  redis.call('ZADD', gone, number, id .. ' ' .. conversation)
  if KEYS[8] and redis.call('GET', KEYS[8]) == id then
    redis.call('DEL', KEYS[8])
  end
else
  redis.call('ZADD', changed, number, id)
  redis.call('ZREM', gone, id .. ' ' .. conversation)
  for i = 1, KEYS[6] and 6 or 1, 5 do
    redis.call('ZADD', KEYS[i], made, id)
    redis.call(stands == 'OPEN' and 'ZADD' or 'ZREM', KEYS[i + 1], unpack(stands == 'OPEN' and {made, id} or {id}))
  end
end
-- A token from before what is remembered of the gone cannot be served.
local oldest = now - kept * 1000
local surplus = redis.call('ZRANGE', gone, 0, -most - 1, 'WITHSCORES')
if #surplus > 0 then
  redis.call('ZREMRANGEBYRANK', gone, 0, -most - 1)
  redis.call('HSET', meta, 'floor', surplus[#surplus])
end
redis.call('ZREMRANGEBYSCORE', gone, '-inf', string.format('%.0f', oldest))
redis.call('PEXPIRE', gone, kept)
redis.call('PEXPIRE', meta, kept)
redis.call('SPUBLISH', string.sub(meta, 1, -5) .. 'bus', id .. ' ' .. conversation .. '\n' .. job)
