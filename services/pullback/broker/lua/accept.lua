-- Accepts evaluations, each durably or not at all, and says whether a drain must be woken.
--
-- A request id that is known already is never queued again: its caller joins those who wait, or is given the outcome.
-- Nothing is written before the first job that is accepted, so a full Redis refuses the call without a trace.
--
-- KEYS, three for each device class, in the order in which an evaluation without a wish takes them:
--   3c+1  nodes   sorted set; worker slots that are alive, scored by the ms at which each counts as dead
--   3c+2  lane    stream; queued jobs; made here with its consumer group; lives for ever, and is empty when all is done
--   3c+3  drains  sorted set; drains of the lane, and wake-ups under way ("wake:..."), scored by the ms of their death
-- KEYS, one for each job, after those:
--   job   hash; the job's record; lives for the job's time limit plus the retention:
--           digest    what was asked for, to tell a repeated request from another one
--           state     Q until it is terminal (contract/lifecycle.py)
--           to        names of the gateways that wait, separated by commas
--           lane, entry   where it is queued
--           evaluation    serialised Evaluation, where it is too long for the lane; removed when the job is finished
--           outcome   serialised EvaluateOutcome, once terminal
--
-- ARGV: classes, group, gateway, retention ms, life of a wake-up in ms, longest evaluation in a lane in bytes; then for each job: id, device class or "",
--   time limit ms, digest, serialised Evaluation.
--
-- Returns {list of lanes to wake, one letter for each job, outcome, ...}. The letters: A accepted, J joined one that
--   waits, D done before (its outcome follows, in order), C conflict with another evaluation, U unserved device.

local classes = tonumber(ARGV[1])
local group, gateway = ARGV[2], ARGV[3]
local retention, wake_life = tonumber(ARGV[4]), tonumber(ARGV[5])
local inline = tonumber(ARGV[6])
local FIXED, PER_JOB = 6, 5

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Live worker slots by class, counted when first asked for.
local slots = {}
local function live_slots(c)
  if not slots[c] then
    slots[c] = redis.call('ZCOUNT', KEYS[3 * c + 1], '(' .. now, '+inf')
  end
  return slots[c]
end

local function choose(wish)
  for c = 0, classes - 1 do
    if (wish == '' or KEYS[3 * c + 2] == wish) and live_slots(c) > 0 then
      return c
    end
  end
  return nil
end

local function join(key, to)
  for name in string.gmatch(to, '[^,]+') do
    if name == gateway then
      return
    end
  end
  redis.call('HSET', key, 'to', to .. ',' .. gateway)
end

local function append(lane, ...)
  local entry = redis.call('XADD', lane, 'NOMKSTREAM', '*', ...)
  if not entry then
    redis.call('XGROUP', 'CREATE', lane, group, '0', 'MKSTREAM')
    entry = redis.call('XADD', lane, '*', ...)
  end
  return entry
end

local touched = {}
local function enqueue(key, c, at)
  touched[c] = true
  local lane = KEYS[3 * c + 2]
  local life = tonumber(ARGV[at + 2])
  -- A drain reads hundreds of entries at once, so a long evaluation stays in its record until its turn comes.
  local evaluation = ARGV[at + 4]
  if #evaluation > inline then
    redis.call('HSET', key, 'evaluation', evaluation)
    evaluation = ''
  end
  local entry = append(lane, 'job', ARGV[at], 'attempt', 1, 'deadline', now + life,
    'accepted', now, 'digest', ARGV[at + 3], 'evaluation', evaluation)
  redis.call('HSET', key, 'digest', ARGV[at + 3], 'state', 'Q', 'to', gateway, 'lane', lane,
    'entry', entry)
  redis.call('PEXPIRE', key, life + retention)
end

local letters, outcomes = {}, {}
for i = 1, (#ARGV - FIXED) / PER_JOB do
  local at = FIXED + PER_JOB * (i - 1) + 1
  local key = KEYS[3 * classes + i]
  local record = redis.call('HMGET', key, 'digest', 'state', 'to')
  if record[1] then
    if record[1] ~= ARGV[at + 3] then
      letters[i] = 'C'
    elseif record[2] == 'Q' then
      join(key, record[3])
      letters[i] = 'J'
    else
      letters[i] = 'D'
      outcomes[#outcomes + 1] = redis.call('HGET', key, 'outcome')
    end
  else
    local class = choose(ARGV[at + 1])
    if class then
      enqueue(key, class, at)
      letters[i] = 'A'
    else
      letters[i] = 'U'
    end
  end
end

-- A drain is woken where every live one is busy and a worker slot is free. Those under way count as idle.
local wake = {}
for c in pairs(touched) do
  local lane, drains = KEYS[3 * c + 2], KEYS[3 * c + 3]
  local live = redis.call('ZCOUNT', drains, '(' .. now, '+inf')
  if live < live_slots(c) then
    local busy = redis.call('XPENDING', lane, group)[4]
    if live <= (busy and #busy or 0) then
      redis.call('ZADD', drains, now + wake_life, 'wake:' .. now .. ':' .. live)
      wake[#wake + 1] = lane
    end
  end
end
return { wake, table.concat(letters), unpack(outcomes) }
