#!lua flags=allow-oom
-- Tries every command that the other scripts use, and leaves nothing behind.
-- KEYS: string, hash, stream, sorted set; all under the prefix
-- ARGV: channel
-- Reply: the commands that failed, as "name: error"
local text, hash, stream, sorted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local failed = {}
local function try(name, ...)
  local reply = redis.pcall(name, ...)
  if type(reply) == 'table' and reply.err then
    failed[#failed + 1] = name .. ': ' .. reply.err
  end
end
try('TIME')
try('SET', text, 'x', 'PX', 1000)
try('GET', text)
try('EXISTS', text)
try('HSET', hash, 'f', 'x')
try('HSETNX', hash, 'f', 'x')
try('HGET', hash, 'f')
try('HMGET', hash, 'f')
try('HDEL', hash, 'f')
try('XADD', stream, '1-0', 'f', 'x')
try('XRANGE', stream, '-', '+')
try('XREVRANGE', stream, '+', '-')
try('XTRIM', stream, 'MAXLEN', 0)
try('ZADD', sorted, 1, 'm')
try('ZRANGE', sorted, 0, -1)
try('ZSCORE', sorted, 'm')
try('ZREM', sorted, 'm')
try('ZREMRANGEBYRANK', sorted, 0, -1)
try('ZREMRANGEBYSCORE', sorted, 0, 1)
try('PEXPIRE', stream, 1000)
try('PEXPIREAT', stream, 1)
try('SPUBLISH', ARGV[1], 'x')
try('DEL', text, hash, stream, sorted)
return failed
