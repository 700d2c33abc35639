#!lua flags=allow-oom
-- Says when it is to be seen whether a job can be claimed.
-- KEYS: waiting
-- ARGV: job id, in how many ms or "" for never again, how long the index is kept in ms
-- Reply: nil
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
