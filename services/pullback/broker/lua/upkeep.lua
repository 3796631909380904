#!lua flags=allow-oom
-- Puts back the jobs of dead drains, and does what time brings: jobs come due, expire, and reach the end of their lives.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then number of the class, most jobs to look at, serialised outcome of a job that lost its worker too
--   often.
--
-- Returns {jobs that something was done to, lane to wake}; the latter is left out where there is none.

-- include submitted.lua
-- include shelves.lua
-- include rousing.lua
-- include ending.lua

local class, most, lost = tonumber(ARGV[FIXED + 1]), tonumber(ARGV[FIXED + 2]), ARGV[FIXED + 3]
local drains, holders, alarms = KEYS[17 + 3 * class], HOLDERS .. CLASSES[class], ALARMS .. CLASSES[class]
local STREAMS_AT_ONCE = 10
local done, shelved = 0, false

-- What a drain held when it died is taken singly from then on: it may be what the drain died of.
local function lose(r)
  end_attempt(r, 'W')
  let_go(r)
  if r.counted >= r.most then
    call('SET', OUTCOMES .. r.address, lost)
    finish(r, 'F')
  else
    r.alone = 1
    requeue(r)
    shelved = true
  end
end

local function bury(drain)
  if call('EXISTS', HELD .. drain) == 0 then
    call('SREM', holders, drain)
  end
  for _, address in ipairs(call('SRANDMEMBER', HELD .. drain, most - done)) do
    local r = read_record(address)
    if r and r.state == 'R' and r.holder == drain then
      lose(r)
    else
      call('SREM', HELD .. drain, address)
    end
    done = done + 1
  end
end

local function expire(r)
  if r.state == 'R' then
    stop(r)
    end_attempt(r, 'X')
    let_go(r)
  else
    unshelve(r)
  end
  finish(r, 'X')
end

local function come_due(r)
  r.queued = now
  write_record(r)
  call('ZADD', alarms, r.deadline, r.address)
  shelve(r)
  shelved = true
end

local function ring(address)
  local r = read_record(address)
  if not r then
    call('ZREM', alarms, address)
  elseif is_terminal(r) then
    remove(r)
  elseif r.deadline <= now then
    expire(r)
  else
    come_due(r)
  end
  done = done + 1
end

for _, drain in ipairs(call('SMEMBERS', holders)) do
  local dies = call('ZSCORE', drains, drain)
  if done < most and not (dies and tonumber(dies) > now) then
    bury(drain)
  end
end
if done < most then
  for _, address in ipairs(call('ZRANGEBYSCORE', alarms, '-inf', now, 'LIMIT', 0, most - done)) do
    ring(address)
  end
end
write_freed()
publish()

-- Of a stream that has been quiet for so long that all in it is old, the last entry is kept, by which a reader knows that
-- nothing was missed; and nothing where the tenant has no jobs.
for _, tenant in ipairs(call('ZRANGEBYSCORE', EVENTFUL, '-inf', now - EVENTS_LIFE_MS, 'LIMIT', 0, STREAMS_AT_ONCE)) do
  if call('EXISTS', INDEXES .. tenant) == 1 then
    call('XTRIM', EVENTS .. tenant, 'MAXLEN', 1)
  else
    call('DEL', EVENTS .. tenant)
  end
  call('ZREM', EVENTFUL, tenant)
end

return { done, shelved and rouse(class, true) or nil }
