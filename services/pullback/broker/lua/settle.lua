#!lua flags=allow-oom
-- Writes what came of jobs that a drain holds.
--
-- Only over the attempt that the drain took, so a state that is terminal is never overwritten. Runs though Redis is full.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then number of the class, drain, version of the engine; then of each job its serialised outcome,
--   preceded by, packed: letter of its terminal state, sequence number (8 bytes), attempt (2 bytes), seconds that it took (a
--   double), address.
--
-- Returns how many were written.

-- include submitted.lua
-- include shelves.lua

local class, drain, engine = tonumber(ARGV[FIXED + 1]), ARGV[FIXED + 2], ARGV[FIXED + 3]
local FIRST, PER_JOB = FIXED + 4, 2
local NO_DIGEST = string.rep('\0', 16)
local ENDS = { S = 'F', F = 'F', C = 'C', X = 'X' }
local habits = HABITS .. CLASSES[class]

-- How much of the mean time of a tenant's jobs stays with each new one.
local KEPT = 0.8

-- By tenant: jobs, their seconds, and what of these was not charged yet.
local counts, sums, owed = {}, {}, {}

local function account(r, seconds)
  local tenant = tenant_of(r.address)
  counts[tenant] = (counts[tenant] or 0) + 1
  sums[tenant] = (sums[tenant] or 0) + seconds
  owed[tenant] = (owed[tenant] or 0) + seconds - r.charged / 1e6
end

local written = 0
for at = FIRST, #ARGV, PER_JOB do
  local state, sequence, attempt, seconds, where = struct.unpack('<c1I8Hd', ARGV[at])
  local address, outcome = sub(ARGV[at], where), ARGV[at + 1]
  local r = read_record(address)
  if r and r.state == 'R' and r.holder == drain and r.sequence == sequence and r.attempts == attempt then
    end_attempt(r, ENDS[state])
    let_go(r)
    account(r, seconds)
    call('SET', OUTCOMES .. address, outcome)
    if state == 'S' and r.reuse ~= NO_DIGEST then
      local key = REUSE .. tenant_of(address) .. ':' .. CLASSES[class] .. ':' .. engine .. ':' .. r.reuse
      call('SET', key, string.format('%.0f', sequence) .. '/' .. id_of(address), 'PX', math.max(r.ttl, 1))
    end
    finish(r, state)
    written = written + 1
  elseif state == 'C' then
    -- It was cancelled, deleted or expired while it ran, which is told here alone. The time was the tenant's all the same.
    charge(class, tenant_of(address), seconds)
  end
end

for tenant, count in pairs(counts) do
  charge(class, tenant, owed[tenant])
  local pace = tonumber(call('HGET', habits, tenant .. ':pace') or FIRST_PACE)
  local kept = KEPT ^ count
  call('HSET', habits, tenant .. ':pace', kept * pace + (1 - kept) * sums[tenant] / count)
  call('PEXPIRE', habits, HABITS_LIFE_MS)
end
write_freed()
publish()
return written
