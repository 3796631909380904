#!lua flags=allow-oom
-- Puts the jobs of dead drains back on their lane, fails those that lost too many, and finds lanes that need a wake-up.
--
-- Submitted jobs are put back by upkeep.lua.
--
-- KEYS: 1 lane (stream), 2 drains (sorted set), 3 nodes (sorted set), 4 lock (string; the sweeper's name); see accept.lua;
--   5 holders (set), 6 shares (sorted set); see submitted.lua; 7 swept (string; there while the lane was swept of late).
--   Written too, by names that the entries hold: job records and long evaluations (strings), and results:<gateway>
--   (channel; see finish.lua).
-- ARGV: group, prefix of job records, prefix of long evaluations, prefix of results channels, most attempts, outcome of a
--   job that had them all, life of a wake-up in ms, life of the lock in ms, the sweeper's name, lives of a drain and of a
--   worker slot in ms.
--
-- Returns {jobs put back or failed, 1 where the lane must be woken, else 0}; {-1, 0} where another sweeper has the lock.

-- include jobs.lua

local lane, drains, nodes, lock, holders, shares, swept_of_late = unpack(KEYS)
local group, records, evaluations, results = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, lost, wake_life = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local lock_life, sweeper, drain_life, slot_life = ARGV[8], ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local ENTRIES_AT_ONCE = 100
local LAST_CHANCE_MS = 2000

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function fail(key, job, waiting)
  redis.call('SET', key, 'F' .. job.digest .. lost, 'KEEPTTL')
  redis.call('DEL', evaluations .. job.id)
  for gateway in string.gmatch(waiting, '[^,]+') do
    redis.call('PUBLISH', results .. gateway, struct.pack('<HI', #job.id, #lost) .. job.id .. lost)
  end
end

-- What shared an entry is queued again singly: one of these jobs may be what its drain died of.
local function put_back(entry)
  local fields = fields_of(lane, entry)
  local count = 0
  for _, job in ipairs(fields and jobs_in(fields.jobs) or {}) do
    local key = records .. job.id
    local waiting = waiting_for(key, job.digest, entry)
    if waiting then
      local attempt = tonumber(fields.attempt) + 1
      if attempt > most then
        fail(key, job, waiting)
      else
        queue_again(key, lane, waiting, job, attempt, fields.accepted)
      end
      count = count + 1
    end
  end
  redis.call('XACK', lane, group, entry)
  redis.call('XDEL', lane, entry)
  return count
end

local function sweep(consumer)
  local pending = redis.call('XPENDING', lane, group, '-', '+', ENTRIES_AT_ONCE, consumer)
  local count = 0
  for _, entry in ipairs(pending) do
    count = count + put_back(entry[1])
  end
  if #pending < ENTRIES_AT_ONCE then
    redis.call('XGROUP', 'DELCONSUMER', lane, group, consumer)
  end
  return count
end

-- Nobody is given more life than this at once. What lives longer was written before the clock was set back, and would be
-- among the living long after its death.
local function clamp(set, life)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. now + life, '+inf')) do
    redis.call('ZADD', set, now + life, member)
  end
end

-- Takes those away whose time is up, but not at once: where the clock was set forward, it is up for all that live. So
-- they are given the time of two beats more, and a half in their score that tells that they had it.
local function bury(set)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now)) do
    if redis.call('ZSCORE', set, member) % 1 == 0 then
      redis.call('ZADD', set, now + LAST_CHANCE_MS + 0.5, member)
    else
      redis.call('ZREM', set, member)
    end
  end
end

-- Where nobody swept for a while, Redis may have been away: frozen, started again, or another in its place. Drains could
-- not beat meanwhile. They are given the time of two beats, so that it costs no job an attempt.
local function spare(set)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', now)) do
    if string.sub(member, 1, 5) ~= 'wake:' then
      redis.call('ZADD', set, now + LAST_CHANCE_MS, member)
    end
  end
end

local holder = redis.call('GET', lock)
if holder and holder ~= sweeper then
  return { -1, 0 }
end
redis.call('SET', lock, sweeper, 'PX', lock_life)
if not redis.call('SET', swept_of_late, '', 'PX', lock_life, 'GET') then
  spare(drains)
end
redis.call('ZREMRANGEBYSCORE', drains, '-inf', now)
bury(nodes)
clamp(drains, math.max(drain_life, wake_life))
clamp(nodes, slot_life)
local there = redis.call('EXISTS', lane) == 1
local swept, busy = 0, redis.call('SCARD', holders)
for _, about in ipairs(there and redis.call('XINFO', 'CONSUMERS', lane, group) or {}) do
  -- Each is a list of names and values: name, pending, ...
  local name, pending = about[2], about[4]
  if not redis.call('ZSCORE', drains, name) then
    swept = swept + sweep(name)
  elseif pending > 0 then
    busy = busy + 1
  end
end

-- Work that no idle drain will read, and a slot that is free: a drain died, or a wake-up was lost on its way.
local waiting = redis.call('EXISTS', shares)
if there then
  waiting = waiting + redis.call('XLEN', lane) - redis.call('XPENDING', lane, group)[1]
end
local live = redis.call('ZCARD', drains)
if waiting > 0 and live < redis.call('ZCARD', nodes) and live <= busy then
  redis.call('ZADD', drains, now + wake_life, 'wake:' .. now .. ':sweep')
  return { swept, 1 }
end
return { swept, 0 }
