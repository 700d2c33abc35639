#!lua flags=no-writes
-- Reads what follows an offset, with all that the cursor is judged by, in one step.
-- KEYS: job, log
-- ARGV: offset, most bytes
-- Reply: {end, epoch, chain, closed, base, last, frames}, the frames of whole appends, or a refusal
local job, refusal = load(KEYS[1], now_ms())
if refusal then
  return refusal
end
local offset, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local pieces, size, newest = {}, 0, nil
local from, count = '(' .. offset .. '-18446744073709551615', 8
local full = offset < job.base or offset >= job.last
while not full do
  local entries = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', count)
  full = #entries < count
  for _, entry in ipairs(entries) do
    local frames = entry[2][2]
    if newest and size + #frames > most then
      full = true
      break
    end
    pieces[#pieces + 1] = frames
    size = size + #frames
    newest = entry[1]
  end
  if not full then
    from = '(' .. newest
    count = math.max(1, math.min(1024, math.floor((most - size) * #pieces / size) + 1))
  end
end
-- The job says that there is more, and its log has none: evicted, so the job is as good as gone.
if not newest and offset < job.last and offset >= job.base then
  return {'MISSING'}
end
local chain = redis.call('HGET', KEYS[1], 'chain')
local last = newest and tonumber(string.match(newest, '^%d+')) or offset
return {job.last, job.epoch, chain, job.closed or '', job.base, last, table.concat(pieces)}
