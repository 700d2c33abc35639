#!lua flags=allow-oom
-- Says something on a channel.
-- KEYS: channel
-- ARGV: message
-- Reply: nil
redis.call('SPUBLISH', KEYS[1], ARGV[1])
