#!lua flags=allow-oom
-- Says when a job is to be looked at again.
-- KEYS: due
-- ARGV: place, then in how many ms[, "LT" to leave it as it is if that is sooner], or "", when it was to be looked at:
--       never again, unless that has changed
-- Reply: nil
if ARGV[2] == '' then
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[3] then
    redis.call('ZREM', KEYS[1], ARGV[1])
  end
  return
end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
if ARGV[3] then
  redis.call('ZADD', KEYS[1], ARGV[3], at, ARGV[1])
else
  redis.call('ZADD', KEYS[1], at, ARGV[1])
end
