#!lua flags=allow-oom
-- Remembers which job a claim is about to get.
-- KEYS: claimed
-- ARGV: job id, for how many ms
-- Reply: nil
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
