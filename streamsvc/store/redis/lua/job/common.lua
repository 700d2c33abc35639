-- What the scripts of a job share: its fields, and what its writer must pass.
--
-- A job is a hash. Times are milliseconds of this server's clock; only durations come from outside.
--   job        the Job message, without what the other fields say
--   digest     of the request that it was created with
--   epoch, fence, last, chain, losses, step     see store/records.py; chain: lines of "<last> <epoch>";
--              step: "<after> <last> <epoch>" of the newest append
--   time       update_time of the job (the writer's clock)
--   base       last offset that was trimmed away; checkpoint: offset of the newest checkpoint
--   lease      when it runs out; released: it was given away
--   outside    "<claim_grace ms> <cancel_grace ms> <lease ms>" of a job that processes outside the service write;
--              claim: what its holder calls itself; limit: beyond what a cancel lets no lease last
--   closed     the log has its final event; cancel: a cancel was asked for, and why; deleted: a tombstone
--   keep       how long the job is kept while it runs and nobody writes it
--   expires    when the job is forgotten; vanishes: when its keys are, never before that
--
-- Refusals are tables that begin with a word: MISSING, DELETED, LOST, FENCED, CLOSED, MISMATCH, HELD, REUSED.

local FIELDS = {
  'expires', 'deleted', 'closed', 'epoch', 'fence', 'last', 'step', 'cancel', 'keep', 'vanishes', 'released',
  'lease', 'base', 'checkpoint', 'outside', 'claim', 'limit',
}

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function load(key, now)
  local values = redis.call('HMGET', key, unpack(FIELDS))
  if not values[1] or tonumber(values[1]) <= now then
    return nil, {'MISSING'}
  end
  if values[2] then
    return nil, {'DELETED'}
  end
  local job = {}
  for i, name in ipairs(FIELDS) do
    job[name] = values[i]
  end
  for _, name in ipairs({'fence', 'last', 'keep', 'vanishes', 'lease', 'base', 'checkpoint'}) do
    job[name] = tonumber(job[name])
  end
  return job
end

-- A job as others may know it; in Python: replies.record.
local function standing(key)
  return redis.call('HMGET', key, 'job', 'epoch', 'last', 'time', 'chain', 'fence', 'losses', 'cancel', 'outside')
end

-- When a lease ends that is granted now.
local function lease_end(job, now, ttl)
  return math.min(now + ttl, tonumber(job.limit or math.huge))
end

-- When a job may be acquired without a claim: one of processes outside the service is theirs for a grace.
local function free_at(job)
  local grace = job.outside and not job.cancel and string.match(job.outside, '^%d+') or 0
  return job.lease + grace
end

-- Lets pass only the writer, and only on a log that still has all up to `last`. To a writer a missing job is a loss.
local function load_for_writer(key, now)
  local job, refusal = load(key, now)
  if refusal and refusal[1] == 'MISSING' then
    return nil, {'LOST'}
  end
  return job, refusal
end

local function refuse(job, epoch, fence, last)
  local own = job.epoch == epoch
  if job.closed and not (own and job.last == last) then
    return {'CLOSED', job.last}
  end
  if job.fence < fence then
    return {'LOST'}
  end
  if job.fence > fence or not own then
    return {'FENCED', job.last}
  end
  if job.last < last then
    return {'LOST'}
  end
end

-- Returns the job and the batch that "<fence> <after> <last> <ttl ms> <time ms> <epoch>" tells of, if that is the next
-- one; else nil, nil, and what is replied: of a repeat what an append replies, or a refusal.
local function admit(key, told, now)
  local batch = {}
  batch.fence, batch.after, batch.last, batch.ttl, batch.time, batch.epoch =
    string.match(told, '^(%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  batch.step = batch.after .. ' ' .. batch.last .. ' ' .. batch.epoch
  local job, refusal = load_for_writer(key, now)
  if refusal then
    return nil, nil, refusal
  end
  if job.step == batch.step then
    return nil, nil, job.cancel
  end
  refusal = refuse(job, batch.epoch, tonumber(batch.fence), tonumber(batch.after))
  if refusal then
    return nil, nil, refusal
  end
  if job.closed then
    return nil, nil, {'CLOSED', job.last}
  end
  if job.last > tonumber(batch.after) then
    return nil, nil, {'MISMATCH', job.last}
  end
  return job, batch
end

-- Keys live longer than the job is known, so that an append need not move their end each time.
local function keep_keys(keys, vanishes)
  for _, key in ipairs(keys) do
    redis.call('PEXPIREAT', key, vanishes)
  end
end

local function bus_of(job_key)
  return string.sub(job_key, 1, -4) .. 'bus'
end

local ANNOUNCED_BYTES = 65536

-- "<after> <last> <closed> <epoch>", a line feed, and the frames if they are few.
local function announce(job_key, epoch, after, last, closed, frames)
  if #frames > ANNOUNCED_BYTES then
    frames = ''
  end
  local head = after .. ' ' .. last .. ' ' .. (closed and '1' or '0') .. ' ' .. epoch .. '\n'
  redis.call('SPUBLISH', bus_of(job_key), head .. frames)
end

