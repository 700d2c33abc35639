#!lua flags=allow-oom
-- Puts a job back into its owner's indexes where they have lost it.
-- KEYS: jobs, open[, jobs and open of the conversation]
-- ARGV: job id, create_time in ms, "OPEN" or "ENDED"
-- Reply: how many places it was missing from
local missing = 0
for i, key in ipairs(KEYS) do
  if i % 2 == 1 or ARGV[3] == 'OPEN' then
    missing = missing + redis.call('ZADD', key, 'NX', ARGV[2], ARGV[1])
  end
end
return missing
