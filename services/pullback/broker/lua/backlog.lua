#!lua flags=no-writes
-- Counts the jobs of one device class that wait and that run, and says how long the oldest has waited. Writes nothing.
--
-- What it costs does not grow with the backlog: of a lane's entries it looks at the first ones, and takes those behind
-- them to hold as many jobs each; of the tenants with jobs on shelves it looks at a thousand.
--
-- KEYS: 1 lane (stream), 2 nodes (sorted set); see accept.lua. 3 shares (sorted set), 4 holders (set); see submitted.lua.
--   Read too, by prefixes: shelves (sorted sets), held (sets) and records (strings) of submitted jobs; see there.
-- ARGV: group; prefixes of shelves of the class, held, and records; priorities of submitted jobs.
--
-- Returns {jobs that wait on the lane, ms that the oldest of them has waited, jobs that wait on shelves, ms that the
--   oldest of them has waited, jobs that run, slots that are alive}.

-- include jobs.lua

local lane, nodes, shares, holders = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, shelves, held, records, priorities = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local SAMPLE = 200
local MOST_TENANTS = 1000
-- Where a record has the ms at which its job was queued; see HEAD in submitted.lua.
local QUEUED = 50

local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function age(ms)
  return math.max(0, now - ms)
end

-- The lane's group: how many entries are taken and not done. There is none before the first job.
local function pending()
  if call('EXISTS', lane) == 0 then
    return 0, nil
  end
  local summary = call('XPENDING', lane, group)
  return summary[1], summary[3]
end

-- Tells whether the entry of the first id comes after that of the second.
local function is_after(one, other)
  local ms, number = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_number = string.match(other, '^(%d+)-(%d+)$')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms > other_ms or (ms == other_ms and tonumber(number) > tonumber(other_number))
end

-- Entries before the last one that is taken are taken too, or put back behind it.
local taken, last = pending()
local entries = call('XLEN', lane)
local counts = { waiting = 0, running = 0 }
local jobs = { waiting = 0, running = 0 }
local oldest = 0
for _, entry in ipairs(call('XRANGE', lane, '-', '+', 'COUNT', SAMPLE)) do
  local kind = (last and not is_after(entry[1], last)) and 'running' or 'waiting'
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
  end
  local count = fields.jobs and #jobs_in(fields.jobs) or 0
  counts[kind], jobs[kind] = counts[kind] + 1, jobs[kind] + count
  if kind == 'waiting' and count > 0 and oldest == 0 then
    oldest = age(tonumber(fields.accepted))
  end
end
-- What the sample does not hold is taken to be like it.
local function all(kind, total)
  if counts[kind] == 0 then
    local sampled = counts.waiting + counts.running
    local mean = sampled > 0 and (jobs.waiting + jobs.running) / sampled or 1
    return math.floor(math.max(0, total) * mean)
  end
  return math.floor(jobs[kind] / counts[kind] * math.max(total, counts[kind]))
end
local running, waiting = all('running', taken), all('waiting', entries - taken)

local shelved, longest = 0, 0
for _, tenant in ipairs(call('ZRANGE', shares, 0, MOST_TENANTS - 1)) do
  for priority = 1, priorities do
    local shelf = shelves .. tenant .. ':' .. priority
    local first = call('ZRANGE', shelf, 0, 0)[1]
    if first then
      shelved = shelved + call('ZCARD', shelf)
      local record = call('GET', records .. tenant .. '/' .. first)
      if record then
        longest = math.max(longest, age(struct.unpack('<I8', record, QUEUED)))
      end
    end
  end
end
for _, drain in ipairs(call('SMEMBERS', holders)) do
  running = running + call('SCARD', held .. drain)
end

return { waiting, oldest, shelved, longest, running, call('ZCOUNT', nodes, '(' .. now, '+inf') }
