#!lua flags=allow-oom
-- Tells which jobs of an owner changed or went after a number, or which are open.
-- KEYS: open, changed, gone, meta
-- ARGV: the order's name in the token or "", the number in it, most jobs, how long what is gone is remembered in ms,
--       a new name for the order of changes
-- Reply: {name, number from here on, reset "1" or "", more "1" or "", {job id, ...}, {"job id conversation", ...}}
local open, changed, gone, meta = unpack(KEYS)
local named, after, most, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
redis.call('HSETNX', meta, 'name', ARGV[5])
redis.call('PEXPIRE', meta, kept)
local name, newest, floor = unpack(redis.call('HMGET', meta, 'name', 'newest', 'floor'))
newest = math.max(now, tonumber(newest or 0))
local oldest = math.max(now - kept * 1000, tonumber(floor or 0))
local number = string.format('%.0f', newest)
redis.call('HSET', meta, 'newest', number) -- the next change comes after it
local known = named == name and tonumber(after) >= oldest and tonumber(after) <= newest
if not known then
  return {name, number, named ~= '' and '1' or '', '', redis.call('ZRANGE', open, 0, -1), {}}
end
local found = redis.call('ZRANGE', changed, '(' .. after, '+inf', 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
local ids = {}
for i = 1, #found, 2 do
  ids[#ids + 1] = found[i]
end
local more = #ids == most
if more then
  number = found[#found]
end
-- What is gone is told up to the same number, so that nothing is told twice or left out.
return {name, number, '', more and '1' or '', ids,
  redis.call('ZRANGE', gone, '(' .. after, number, 'BYSCORE')}
