#!lua flags=allow-oom
-- Forgets a job at once, and leaves a tombstone.
-- KEYS: job, log, request, checkpoint
-- ARGV: how long the tombstone stays, in ms
-- Reply: the Job message, or nil if there was none
local now = now_ms()
local job = load(KEYS[1], now)
if not job then
  return nil
end
local message = redis.call('HGET', KEYS[1], 'job')
redis.call('DEL', unpack(KEYS))
redis.call('HSET', KEYS[1], 'deleted', '1', 'expires', now + ARGV[1])
redis.call('PEXPIREAT', KEYS[1], now + ARGV[1])
redis.call('SPUBLISH', bus_of(KEYS[1]), '')
return message
