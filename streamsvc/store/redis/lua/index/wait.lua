#!lua flags=allow-oom
-- Says when it is to be seen whether a job can be claimed.
-- KEYS: waiting
-- ARGV: job id, in how many ms or "" for never again, how long the index is kept in ms[, "NX" to leave it as it is if
--       it is there]
-- Reply: nil
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
if ARGV[4] then
  redis.call('ZADD', KEYS[1], ARGV[4], at, ARGV[1])
else
  redis.call('ZADD', KEYS[1], at, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
