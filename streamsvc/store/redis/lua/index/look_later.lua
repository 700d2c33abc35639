#!lua flags=allow-oom
-- Says when a job is to be looked at again.
-- KEYS: due
-- ARGV: place, in how many ms or "" for never again[, "LT" to leave it as it is if that is sooner]
-- Reply: nil
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
if ARGV[3] then
  redis.call('ZADD', KEYS[1], ARGV[3], at, ARGV[1])
else
  redis.call('ZADD', KEYS[1], at, ARGV[1])
end
