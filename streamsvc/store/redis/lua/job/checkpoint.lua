#!lua
-- Keeps a state beside the log, and may forget the events up to its offset.
-- KEYS: job, log, checkpoint
-- ARGV: "<fence> <offset> <trim 0 or 1> <epoch>", state
-- Reply: nil, or a refusal
local fence, offset, trim, epoch = string.match(ARGV[1], '^(%d+) (%d+) ([01]) (.*)$')
local job, refusal = load_for_writer(KEYS[1], now_ms())
if refusal then
  return refusal
end
offset = tonumber(offset)
refusal = refuse(job, epoch, tonumber(fence), offset)
if refusal then
  return refusal
end
-- A late call must not put an older state in the place of a newer one: the events between may be trimmed.
if offset >= job.checkpoint then
  redis.call('SET', KEYS[3], ARGV[2], 'PXAT', job.vanishes)
  redis.call('HSET', KEYS[1], 'checkpoint', offset)
end
if trim == '1' then
  local newest = redis.call('XREVRANGE', KEYS[2], offset .. '-0', '-', 'COUNT', 1)[1]
  if newest then
    redis.call('HSET', KEYS[1], 'base', (string.match(newest[1], '^%d+')))
    redis.call('XTRIM', KEYS[2], 'MINID', (offset + 1) .. '-0')
  end
end
