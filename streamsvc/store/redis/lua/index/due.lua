#!lua flags=no-writes
-- Returns the jobs that it is time to look at.
-- KEYS: due
-- ARGV: most
-- Reply: {place, since when in ms, ...}
local time = redis.call('TIME')
return redis.call('ZRANGE', KEYS[1], '-inf', time[1] * 1000 + math.floor(time[2] / 1000), 'BYSCORE', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
