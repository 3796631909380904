-- Accepts evaluations, each durably or not at all, and says whether a drain must be woken.
--
-- A request id that is known already is never queued again: its caller joins those who wait, or is given the outcome.
-- Nothing is written before the first job that is accepted, so a full Redis refuses the call without a trace.
--
-- KEYS, four for each device class, in the order in which an evaluation without a wish takes them:
--   4c+1  nodes   sorted set; worker slots that are alive, scored by the ms at which each counts as dead
--   4c+2  lane    stream; queued jobs, some in each entry; made here with its consumer group; lives for ever, and is
--                 empty when all is done. An entry's fields, in order: attempt (from 1), accepted (ms), jobs: packed,
--                 one after the other, each
--                   length of id (2 bytes), time limit in ms (8), length of evaluation (4), life of the record in ms
--                   (8), number of the class that is wished for, from 1, or 0 (1): little-endian; digest (16), tag of
--                   the tenant (8), id, serialised Evaluation. A long evaluation is left out, and its length is 0.
--                 An entry without jobs rouses a drain that waits here, for jobs elsewhere (rousing.lua).
--   4c+3  drains  sorted set; drains of the lane, and wake-ups under way ("wake:..."), scored by the ms of their death
--   4c+4  holders set; drains that hold submitted jobs (submitted.lua)
-- KEYS, one for each job, after those:
--   job         string; the job's record; lives for the job's time limit plus the retention. A letter for the state
--               (contract/lifecycle.py), 16 bytes of digest, by which a repeated request is told from another one, then
--               while it is Q:  names of the gateways that wait with commas between, lane, and entry, a line each
--               when terminal:  serialised EvaluateOutcome
-- Written too, by a prefix and the job's id: its evaluation (string; serialised Evaluation, where it is too long for the
--   lane; gone when the job is finished).
--
-- ARGV: classes, group, gateway, life of a wake-up in ms, most jobs and bytes in an entry, prefix of long evaluations;
--   then each job, packed; then the long evaluations, in order.
--
-- Returns {list of lanes to wake, one letter for each job, outcome, ...}. The letters: A accepted, J joined one that
--   waits, D done before (its outcome follows, in order), C conflict with another evaluation, U unserved device.

local call, sub = redis.call, string.sub
local classes = tonumber(ARGV[1])
local group, gateway, wake_life = ARGV[2], ARGV[3], tonumber(ARGV[4])
local most_jobs, most_bytes, evaluations = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local FIXED = 7
local DIGEST = 24
local ID = DIGEST + 16 + 8
local count = #KEYS - 4 * classes

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Live worker slots by class, counted when first asked for. One whose time is up counts until the sweep takes it away:
-- when the clock was set forward, that is true of all of them until their next beats.
local slots = {}
local function live_slots(c)
  if not slots[c] then
    slots[c] = call('ZCARD', KEYS[4 * c + 1])
  end
  return slots[c]
end

local function choose(wish)
  for c = 0, classes - 1 do
    if (wish == 0 or wish == c + 1) and live_slots(c) > 0 then
      return c
    end
  end
  return nil
end

local function append(lane, ...)
  local entry = call('XADD', lane, 'NOMKSTREAM', '*', ...)
  if not entry then
    call('XGROUP', 'CREATE', lane, group, '0', 'MKSTREAM')
    entry = call('XADD', lane, '*', ...)
  end
  return entry
end

-- Jobs of each class that share the next entry: their numbers, what each packs, and the bytes of it all.
local numbers, packed, bytes = {}, {}, {}
-- Of each job: digest, life of its record, and number of its evaluation among the long ones, if it is one.
local digests, lives, longs = {}, {}, {}
local touched = {}

local function enqueue(c)
  local lane = KEYS[4 * c + 2]
  local entry = append(lane, 'attempt', 1, 'accepted', now, 'jobs', table.concat(packed[c]))
  local rest = gateway .. '\n' .. lane .. '\n' .. entry
  for _, i in ipairs(numbers[c]) do
    call('SET', KEYS[4 * classes + i], 'Q' .. digests[i] .. rest, 'PX', lives[i])
    if longs[i] then
      -- A drain reads hundreds of jobs at once, so a long evaluation waits by itself until its turn comes.
      call('SET', evaluations .. sub(ARGV[FIXED + i], ID), ARGV[FIXED + count + longs[i]], 'PX', lives[i])
    end
  end
  numbers[c] = nil
  touched[c] = true
end

local function gather(c, i, job)
  if numbers[c] and bytes[c] + #job > most_bytes then
    enqueue(c)
  end
  if not numbers[c] then
    numbers[c], packed[c], bytes[c] = {}, {}, 0
  end
  local place = #numbers[c] + 1
  numbers[c][place], packed[c][place], bytes[c] = i, job, bytes[c] + #job
  if place == most_jobs then
    enqueue(c)
  end
end

local function join(key, record)
  local waiting = string.match(record, '^[^\n]*', 18)
  for name in string.gmatch(waiting, '[^,]+') do
    if name == gateway then
      return
    end
  end
  call('SET', key, sub(record, 1, 17) .. gateway .. ',' .. sub(record, 18), 'KEEPTTL')
end

-- Digests of the jobs that this call accepts: their records are written with their entry, and one may be asked for twice.
local fresh = {}
local letters, outcomes = {}, {}
local long = 0
for i = 1, count do
  local key, job = KEYS[4 * classes + i], ARGV[FIXED + i]
  local _, _, length, life, wish = struct.unpack('<HI8I4I8B', job)
  local digest = sub(job, DIGEST, DIGEST + 15)
  digests[i], lives[i] = digest, life
  if length == 0 then
    long = long + 1
    longs[i] = long
  end
  local record = not fresh[key] and call('GET', key)
  if fresh[key] then
    letters[i] = fresh[key] == digest and 'J' or 'C'
  elseif not record then
    local class = choose(wish)
    if class then
      fresh[key] = digest
      gather(class, i, job)
    end
    letters[i] = class and 'A' or 'U'
  elseif sub(record, 2, 17) ~= digest then
    letters[i] = 'C'
  elseif sub(record, 1, 1) == 'Q' then
    join(key, record)
    letters[i] = 'J'
  else
    letters[i] = 'D'
    outcomes[#outcomes + 1] = sub(record, 18)
  end
end
for c = 0, classes - 1 do
  if numbers[c] then
    enqueue(c)
  end
end

-- A drain is woken where every live one is busy and a worker slot is free. Those under way count as idle.
local wake = {}
for c in pairs(touched) do
  local lane, drains = KEYS[4 * c + 2], KEYS[4 * c + 3]
  local live = call('ZCOUNT', drains, '(' .. now, '+inf')
  if live < live_slots(c) then
    local busy = call('XPENDING', lane, group)[4]
    -- A drain that has both kinds of jobs is counted twice: one too many is woken then, and leaves.
    if live <= (busy and #busy or 0) + call('SCARD', KEYS[4 * c + 4]) then
      call('ZADD', drains, now + wake_life, 'wake:' .. now .. ':' .. live)
      wake[#wake + 1] = lane
    end
  end
end
return { wake, table.concat(letters), unpack(outcomes) }
