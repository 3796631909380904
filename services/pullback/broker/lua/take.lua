#!lua flags=allow-oom
-- Takes jobs from the shelves of one class for a drain, from each tenant in its turn.
--
-- Of a tenant's jobs the interactive go before the normal, and those before the bulk; every eighth turn it is the other way
-- round. A job that is to be taken alone ends the take that it does not begin. Jobs that expired, and those with a stored
-- result, are finished here.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then number of the class, drain, name of the worker, how many jobs are wanted, version of the engine, most
--   bytes of evaluations.
--
-- Returns {job, evaluation, job, evaluation, ...}. A job is packed: sequence number, ms of creation, time limit,
--   deadline (8 bytes each, little-endian), attempt (2 bytes), most attempts, 1 where it is alone (1 byte each), address.

-- include submitted.lua
-- include shelves.lua
-- include rousing.lua

local class, drain, worker, wanted = tonumber(ARGV[FIXED + 1]), ARGV[FIXED + 2], ARGV[FIXED + 3], tonumber(ARGV[FIXED + 4])
local engine, most_bytes = ARGV[FIXED + 5], tonumber(ARGV[FIXED + 6])
local shares, spent, habits = SHARES .. CLASSES[class], SPENT .. CLASSES[class], HABITS .. CLASSES[class]
-- Most jobs looked at: those with a stored result are none that the drain gets.
local MOST_LOOKS = 256
local LOOKS_AT_ONCE = 32
local OTHER_WAY = 8
-- What a job with a stored result is charged, in seconds.
local HIT_SECONDS = 0.0001
local NO_DIGEST = string.rep('\0', 16)

local given, held = {}, {}
local bytes, looks, full = 0, 0, false

local function reuse_key(r)
  return REUSE .. tenant_of(r.address) .. ':' .. CLASSES[class] .. ':' .. engine .. ':' .. r.reuse
end

-- Finishes a job by the stored result of another one, if there is one.
local function reuse(r)
  local key = reuse_key(r)
  local stored = call('GET', key)
  if not stored then
    return false
  end
  -- By its number too, for the id may be another job's by now.
  local sequence, from = string.match(stored, '^(%d+)/(.*)$')
  local address = tenant_of(r.address) .. '/' .. from
  local source = read_record(address)
  if not source or source.sequence ~= tonumber(sequence) then
    call('DEL', key)
    return false
  end
  local outcome = call('GET', OUTCOMES .. address)
  call('SET', OUTCOMES .. r.address, outcome)
  bytes = bytes + #outcome
  r.reused, r.from = 'H', from
  finish(r, 'S')
  return true
end

-- Looks at a job that came off its shelf. Returns the seconds to charge, or nil where it must go back.
local function serve(address, pace)
  local r = read_record(address)
  if not r or r.state ~= 'Q' then
    return 0
  end
  if r.deadline <= now then
    finish(r, 'X')
    return 0
  end
  if r.reuse ~= NO_DIGEST and reuse(r) then
    return HIT_SECONDS
  end
  local evaluation = call('GET', EVALUATIONS .. address) or ''
  if #held > 0 and (r.alone == 1 or bytes + #evaluation > most_bytes) then
    return nil
  end
  bytes = bytes + #evaluation
  full = full or r.alone == 1
  if r.reuse ~= NO_DIGEST then
    r.reused = 'M'
  end
  r.charged = math.floor(pace * 1e6)
  begin_attempt(r, drain, worker)
  write_record(r)
  tell(r, 'R')
  held[#held + 1] = address
  given[#given + 1] = pack('<I8I8I8I8HBB', r.sequence, r.created, r.timeout, r.deadline, r.attempts, r.most, r.alone)
    .. address
  given[#given + 1] = evaluation
  return pace
end

-- Says from which of a tenant's shelves to take, job by job.
local function plan(tenant, turn, count)
  local left, order = {}, {}
  for priority = 1, 3 do
    left[priority] = call('ZCARD', shelf(class, tenant, priority))
  end
  for i = 1, math.min(count, left[1] + left[2] + left[3]) do
    local from, to, step = 1, 3, 1
    if (turn + i) % OTHER_WAY == 0 then
      from, to, step = 3, 1, -1
    end
    for priority = from, to, step do
      if left[priority] > 0 then
        left[priority], order[i] = left[priority] - 1, priority
        break
      end
    end
  end
  return order
end

-- Takes the first jobs off shelves, as many as the plan wants of each.
local function pop(tenant, order)
  local wants, popped = { 0, 0, 0 }, {}
  for _, priority in ipairs(order) do
    wants[priority] = wants[priority] + 1
  end
  for priority = 1, 3 do
    popped[priority] = wants[priority] > 0 and call('ZPOPMIN', shelf(class, tenant, priority), wants[priority]) or {}
  end
  return popped
end

-- Takes up to so many jobs of a tenant, in the order of the plan: what a take has no room for any more goes back, and is not
-- to be the same jobs each time. Returns how many turns that was.
local function visit(tenant, pace, turn, count)
  local cost, turns = 0, 0
  local order = plan(tenant, turn, count)
  local popped, at = pop(tenant, order), { 1, 1, 1 }
  for _, priority in ipairs(order) do
    local id, score = popped[priority][at[priority]], popped[priority][at[priority] + 1]
    at[priority] = at[priority] + 2
    local seconds = not full and serve(tenant .. '/' .. id, pace)
    if seconds then
      cost = cost + seconds
      looks, turns = looks + 1, turns + 1
    else
      full = true
      call('ZADD', shelf(class, tenant, priority), score, id)
    end
  end
  call('ZINCRBY', shares, cost, tenant)
  return turns
end

while not full and looks < MOST_LOOKS and #held < wanted and bytes < most_bytes do
  local first = call('ZRANGE', shares, 0, 1, 'WITHSCORES')
  local tenant = first[1]
  if not tenant then
    break
  end
  local known = call('HMGET', habits, tenant .. ':pace', tenant .. ':turn')
  local pace, turn = tonumber(known[1] or FIRST_PACE), tonumber(known[2] or 0)
  local count = math.min(wanted - #held, MOST_LOOKS - looks, LOOKS_AT_ONCE)
  if first[3] then
    -- Until it is the next one's turn.
    count = math.min(count, math.floor((tonumber(first[4]) - tonumber(first[2])) / pace) + 1)
  end
  call('HSET', habits, tenant .. ':turn', turn + visit(tenant, pace, turn, count))
  call('ZREMRANGEBYSCORE', spent, '-inf', first[2])
  close_share(class, tenant)
end

if #held > 0 then
  call('SADD', HELD .. drain, unpack(held))
  call('SADD', HOLDERS .. CLASSES[class], drain)
end
if looks > 0 then
  call('PEXPIRE', habits, HABITS_LIFE_MS)
  publish()
  if call('EXISTS', shares) == 1 then
    rouse(class, false)
  end
end
return given
