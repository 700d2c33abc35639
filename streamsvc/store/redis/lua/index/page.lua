#!lua flags=no-writes
-- Returns the next places of a list, newest first and those of one time by falling id.
-- KEYS: jobs
-- ARGV: most, then perhaps create_time in ms and id of the place before
-- Reply: {job id, create_time in ms, ...}
if not ARGV[2] then
  return redis.call('ZRANGE', KEYS[1], '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
end
local found = {}
local skip, most = 0, tonumber(ARGV[1])
repeat
  local part = redis.call('ZRANGE', KEYS[1], ARGV[2], '-inf', 'BYSCORE', 'REV', 'LIMIT', skip, most, 'WITHSCORES')
  for i = 1, #part, 2 do
    if #found < 2 * most and (tonumber(part[i + 1]) < tonumber(ARGV[2]) or part[i] < ARGV[3]) then
      found[#found + 1] = part[i]
      found[#found + 1] = part[i + 1]
    end
  end
  skip = skip + most
until #found >= 2 * most or #part < 2 * most
return found
