#!lua flags=no-writes
-- Tells how a job stands, for those who look after the indexes.
-- KEYS: job
-- Reply: {"OPEN", ms until it is abandoned or 0, job, "1" if it was given away, ms until it may be claimed or ""},
--        {"ENDED", ms until it is forgotten, job, "", ""}, or a refusal
local now = now_ms()
local job, refusal = load(KEYS[1], now)
if refusal then
  return refusal
end
local message, expires = unpack(redis.call('HMGET', KEYS[1], 'job', 'expires'))
if job.closed then
  return {'ENDED', expires - now, message, '', ''}
end
local claimable = job.outside and math.max(0, job.lease - now) or ''
return {'OPEN', math.max(0, free_at(job) - now), message, job.released or '', claimable}
