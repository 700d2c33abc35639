#!lua flags=no-writes
-- Tells which job a claim was about to get.
-- KEYS: claimed
-- Reply: job id, or nil
return redis.call('GET', KEYS[1])
