-- Accepts evaluations, each durably or not at all, and says whether a drain must be woken.
--
-- A request id that is known already is never queued again: its caller joins those who wait, or is given the outcome.
-- Nothing is written before the first job that is accepted, so a full Redis refuses the call without a trace.
--
-- KEYS, three for each device class, in the order in which an evaluation without a wish takes them:
--   3c+1  nodes   sorted set; worker slots that are alive, scored by the ms at which each counts as dead
--   3c+2  lane    stream; queued jobs; made here with its consumer group; lives for ever, and is empty when all is done
--   3c+3  drains  sorted set; drains of the lane, and wake-ups under way ("wake:..."), scored by the ms of their death
-- KEYS, two for each job, after those:
--   job         string; the job's record; lives for the job's time limit plus the retention. A letter for the state
--               (contract/lifecycle.py), 16 bytes of digest, by which a repeated request is told from another one, then
--               while it is Q:  names of the gateways that wait with commas between, lane, and entry, a line each
--               when terminal:  serialised EvaluateOutcome
--   evaluation  string; serialised Evaluation, where it is too long for the lane; gone when the job is finished
--
-- ARGV: classes, group, gateway, life of a wake-up in ms, longest evaluation in a lane in bytes; then for each job: id,
--   lane or "", time limit ms, retention ms, digest, serialised Evaluation.
--
-- Returns {list of lanes to wake, one letter for each job, outcome, ...}. The letters: A accepted, J joined one that
--   waits, D done before (its outcome follows, in order), C conflict with another evaluation, U unserved device.

local classes = tonumber(ARGV[1])
local group, gateway, wake_life, inline = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local FIXED, PER_JOB = 5, 6

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

local function append(lane, ...)
  local entry = redis.call('XADD', lane, 'NOMKSTREAM', '*', ...)
  if not entry then
    redis.call('XGROUP', 'CREATE', lane, group, '0', 'MKSTREAM')
    entry = redis.call('XADD', lane, '*', ...)
  end
  return entry
end

local touched = {}
local function enqueue(i, c, at)
  local key, lane = KEYS[3 * classes + 2 * i - 1], KEYS[3 * c + 2]
  local life, digest, evaluation = tonumber(ARGV[at + 2]), ARGV[at + 4], ARGV[at + 5]
  local kept = life + tonumber(ARGV[at + 3])
  local long = #evaluation > inline
  local entry = append(lane, 'job', ARGV[at], 'attempt', 1, 'deadline', now + life, 'accepted', now,
    'digest', digest, 'evaluation', long and '' or evaluation)
  redis.call('SET', key, 'Q' .. digest .. gateway .. '\n' .. lane .. '\n' .. entry, 'PX', kept)
  if long then
    -- A drain reads hundreds of entries at once, so a long evaluation waits by itself until its turn comes.
    redis.call('SET', KEYS[3 * classes + 2 * i], evaluation, 'PX', kept)
  end
  touched[c] = true
end

local function join(key, record)
  local waiting = string.match(record, '^[^\n]*', 18)
  for name in string.gmatch(waiting, '[^,]+') do
    if name == gateway then
      return
    end
  end
  redis.call('SET', key, string.sub(record, 1, 17) .. gateway .. ',' .. string.sub(record, 18), 'KEEPTTL')
end

local letters, outcomes = {}, {}
for i = 1, (#ARGV - FIXED) / PER_JOB do
  local at = FIXED + PER_JOB * (i - 1) + 1
  local key = KEYS[3 * classes + 2 * i - 1]
  local record = redis.call('GET', key)
  if not record then
    local class = choose(ARGV[at + 1])
    if class then
      enqueue(i, class, at)
    end
    letters[i] = class and 'A' or 'U'
  elseif string.sub(record, 2, 17) ~= ARGV[at + 4] then
    letters[i] = 'C'
  elseif string.sub(record, 1, 1) == 'Q' then
    join(key, record)
    letters[i] = 'J'
  else
    letters[i] = 'D'
    outcomes[#outcomes + 1] = string.sub(record, 18)
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
