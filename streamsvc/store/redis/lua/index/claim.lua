#!lua
-- Lets a job hold a conversation if the one that is named holds it.
-- KEYS: claim
-- ARGV: job id or "" to let go, who holds it now or "", how long the claim is kept in ms
-- Reply: who holds it after that, or nil
local holder = redis.call('GET', KEYS[1]) or ''
if holder == ARGV[2] and ARGV[1] ~= holder then
  if ARGV[1] == '' then
    redis.call('DEL', KEYS[1])
    return nil
  end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return ARGV[1]
end
return holder ~= '' and holder
