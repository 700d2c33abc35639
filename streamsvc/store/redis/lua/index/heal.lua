#!lua flags=allow-oom
-- Puts a job into its place in its owner's indexes where it is not there.
-- KEYS: jobs, open[, jobs and open of the conversation]
-- ARGV: job id, create_time in ms, "OPEN" or "ENDED"
-- Reply: how many indexes were wrong
local wrong = 0
for i, key in ipairs(KEYS) do
  if i % 2 == 0 and ARGV[3] == 'ENDED' then
    wrong = wrong + redis.call('ZREM', key, ARGV[1])
  else
    wrong = wrong + redis.call('ZADD', key, 'NX', ARGV[2], ARGV[1])
  end
end
return wrong
