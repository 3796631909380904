#!lua flags=allow-oom
-- Puts back what a drain holds, each job in its old place on its shelf; the attempts do not count.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then number of the class, drain, 1 where the jobs are to be taken alone next time, else 0, and which
--   jobs: "these" or "others"; then jobs, each packed: sequence number (8 bytes, little-endian), attempt (2 bytes), address.
--   Where others are meant, the held ones that are not listed are put back, some at a time.
--
-- Returns how many were put back.

-- include submitted.lua
-- include shelves.lua
-- include rousing.lua

local class, drain, alone, which = tonumber(ARGV[FIXED + 1]), ARGV[FIXED + 2], tonumber(ARGV[FIXED + 3]), ARGV[FIXED + 4]
local FIRST = FIXED + 5
local JOBS_AT_ONCE = 200

local count = 0
local function put_back(r)
  end_attempt(r, 'P')
  let_go(r)
  charge(r.class, tenant_of(r.address), -r.charged / 1e6)
  r.counted = r.counted - 1
  r.alone = math.max(r.alone, alone)
  requeue(r)
  count = count + 1
end

local listed = {}
for i = FIRST, #ARGV do
  local sequence, attempt, where = struct.unpack('<I8H', ARGV[i])
  local address = sub(ARGV[i], where)
  listed[address] = { sequence = sequence, attempt = attempt }
end

local function is_listed(r)
  local job = listed[r.address]
  return job ~= nil and job.sequence == r.sequence and job.attempt == r.attempts
end

local addresses = {}
if which == 'these' then
  for address in pairs(listed) do
    addresses[#addresses + 1] = address
  end
else
  addresses = call('SMEMBERS', HELD .. drain)
end
for _, address in ipairs(addresses) do
  local r = read_record(address)
  if r and r.state == 'R' and r.holder == drain and is_listed(r) == (which == 'these') then
    put_back(r)
  end
  if count == JOBS_AT_ONCE then
    break
  end
end

write_freed()
publish()
if count > 0 then
  rouse(class, false)
end
return count
