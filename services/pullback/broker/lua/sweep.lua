#!lua flags=allow-oom
-- Puts the jobs of dead drains back on their lane, fails those that lost too many, and finds lanes that need a wake-up.
--
-- KEYS: 1 lane (stream), 2 drains (sorted set), 3 nodes (sorted set), 4 lock (string; the sweeper's name); see accept.lua.
--   Written too, by names that the entries hold: job records and long evaluations (strings), and results:<gateway>
--   (channel; see finish.lua).
-- ARGV: group, prefix of job records, prefix of long evaluations, prefix of results channels, most attempts, outcome of a job that had them all,
--   life of a wake-up in ms, life of the lock in ms, the sweeper's name.
--
-- Returns {entries put back or failed, 1 where the lane must be woken, else 0}; {-1, 0} where another sweeper has the lock.

local lane, drains, nodes, lock = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, records, evaluations, results = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, lost, wake_life = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local lock_life, sweeper = ARGV[8], ARGV[9]
local SWEEP_AT_ONCE = 500

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function fail(key, digest, waiting, id)
  redis.call('SET', key, 'F' .. digest .. lost, 'KEEPTTL')
  redis.call('DEL', evaluations .. id)
  for gateway in string.gmatch(waiting, '[^,]+') do
    redis.call('PUBLISH', results .. gateway, struct.pack('<HI', #id, #lost) .. id .. lost)
  end
end

local function put_back(entry)
  local found = redis.call('XRANGE', lane, entry, entry)[1]
  if found then
    local fields = {}
    for i = 1, #found[2], 2 do
      fields[found[2][i]] = found[2][i + 1]
    end
    local key = records .. fields.job
    local record = redis.call('GET', key)
    if record and string.sub(record, 1, 17) == 'Q' .. fields.digest then
      local waiting = string.match(record, '^[^\n]*', 18)
      local attempt = tonumber(fields.attempt) + 1
      if attempt > most then
        fail(key, fields.digest, waiting, fields.job)
      else
        local again = redis.call('XADD', lane, '*', 'job', fields.job, 'attempt', attempt, 'deadline', fields.deadline,
          'accepted', fields.accepted, 'digest', fields.digest, 'evaluation', fields.evaluation)
        redis.call('SET', key, 'Q' .. fields.digest .. waiting .. '\n' .. lane .. '\n' .. again, 'KEEPTTL')
      end
    end
  end
  redis.call('XACK', lane, group, entry)
  redis.call('XDEL', lane, entry)
end

local function sweep(consumer)
  local pending = redis.call('XPENDING', lane, group, '-', '+', SWEEP_AT_ONCE, consumer)
  for _, entry in ipairs(pending) do
    put_back(entry[1])
  end
  if #pending < SWEEP_AT_ONCE then
    redis.call('XGROUP', 'DELCONSUMER', lane, group, consumer)
  end
  return #pending
end

local holder = redis.call('GET', lock)
if holder and holder ~= sweeper then
  return { -1, 0 }
end
redis.call('SET', lock, sweeper, 'PX', lock_life)
if redis.call('EXISTS', lane) == 0 then
  return { 0, 0 }
end

redis.call('ZREMRANGEBYSCORE', drains, '-inf', now)
redis.call('ZREMRANGEBYSCORE', nodes, '-inf', now)
local swept, busy = 0, 0
for _, about in ipairs(redis.call('XINFO', 'CONSUMERS', lane, group)) do
  -- Each is a list of names and values: name, pending, ...
  local name, pending = about[2], about[4]
  if not redis.call('ZSCORE', drains, name) then
    swept = swept + sweep(name)
  elseif pending > 0 then
    busy = busy + 1
  end
end

-- Work that no idle drain will read, and a slot that is free: a drain died, or a wake-up was lost on its way.
local waiting = redis.call('XLEN', lane) - redis.call('XPENDING', lane, group)[1]
local live = redis.call('ZCARD', drains)
if waiting > 0 and live < redis.call('ZCARD', nodes) and live <= busy then
  redis.call('ZADD', drains, now + wake_life, 'wake:' .. now .. ':sweep')
  return { swept, 1 }
end
return { swept, 0 }
