#!lua flags=no-writes
-- Returns a job as it stands.
-- KEYS: job
-- Reply: {job, epoch, last, time, chain, fence, losses, cancel or nil, outside or nil}, or a refusal
local _, refusal = load(KEYS[1], now_ms())
return refusal or standing(KEYS[1])
