-- Included by the scripts of submitted jobs: their keys, their records, and what is told of them.
--
-- KEYS, the same for all of these scripts. The first are prefixes; an address is a tenant's tag in hex, "/", a job's id.
--   1 records      by address; string; a job's record, as HEAD and TRY below pack it; lives until the job's end of life
--   2 evaluations  by address; string; serialised Evaluation; lives as long as the record
--   3 outcomes     by address; string; serialised EvaluateOutcome of a job that succeeded or failed; lives likewise
--   4 indexes      by tenant; sorted set; the ids of its jobs, scored by sequence number
--   5 events       by tenant; stream; what happened to its jobs, an hour of it; see `publish`
--   6 reuse        by tenant, class, engine and digest; string; the sequence number of a job with that result, "/", and
--                  its id; lives as long as that job
--   7 shelves      by class, tenant and priority; sorted set; the ids of jobs that wait, scored by sequence number
--   8 shares       by class; sorted set; tenants with jobs on shelves, scored by the seconds that they were charged
--   9 spent        by class; sorted set; tenants without, scored likewise while that is more than others were charged
--  10 habits       by class; hash; of each tenant its turns ("<tag>:turn") and mean seconds of a job ("<tag>:pace")
--  11 alarms       by class; sorted set; addresses, scored by the ms at which something is due: not_before, the
--                  deadline, or the end of life
--  12 holders      by class; set; drains that hold jobs
--  13 held         by drain; set; addresses of the jobs that it holds
--  14 cancels      by drain; list; places of the jobs that it is to stop (an address, "/", the sequence number)
-- Then whole names.
--  15 sequence     string; the last sequence number
--  16 eventful     sorted set; tenants with events, scored by the ms of the last
--  17 news         channel; a message is a tenant's tag, 8 bytes
-- Then three for each class, in order: nodes, lane and drains; see accept.lua.
-- ARGV: the names of the classes with commas between, group of the lanes, life of a wake-up in ms; then the script's own.

local call, sub, pack = redis.call, string.sub, struct.pack
local RECORDS, EVALUATIONS, OUTCOMES, INDEXES, EVENTS, REUSE, SHELVES, SHARES, SPENT, HABITS, ALARMS, HOLDERS, HELD,
  CANCELS, SEQUENCE, EVENTFUL, NEWS = unpack(KEYS, 1, 17)
local GROUP, WAKE_LIFE = ARGV[2], tonumber(ARGV[3])
local FIXED = 3
local CLASSES = {}
for name in string.gmatch(ARGV[1], '[^,]+') do
  CLASSES[#CLASSES + 1] = name
end

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A record: letter of the state; digests of content and for reuse; sequence number; ms: created, queued, started,
-- finished, expires, deadline, not_before, time to live, time limit; microseconds charged in advance; priority, number of
-- the class, most attempts, attempts that count, 1 where it is to be taken alone; reuse (" ", "H" or "M"); attempts;
-- then with their lengths the holder, the id of the job whose result it has, and the labels.
local HEAD = '<c1c16c16I8I8I8I8I8I8I8I8I8I8I8BBBBBc1HBc0Bc0Hc0'
-- Then its attempts, the newest first: number, ms of start and end, letter of why it ended, name of the worker.
local TRY = '<HI8I8c1Bc0'
-- As many are kept: those that are put back have no bound.
local MOST_TRIES = 32
local CANCELS_LIFE_MS = 60000

local function tenant_of(address)
  return sub(address, 1, 16)
end

local function id_of(address)
  return sub(address, 18)
end

local function parse_record(address, text)
  local r = { address = address }
  local at
  r.state, r.digest, r.reuse, r.sequence, r.created, r.queued, r.started, r.finished, r.expires, r.deadline,
    r.not_before, r.ttl, r.timeout, r.charged, r.priority, r.class, r.most, r.counted, r.alone, r.reused, r.attempts,
    r.holder, r.from, r.labels, at = struct.unpack(HEAD, text)
  r.tries = sub(text, at)
  return r
end

-- Gives a job's record; nil where there is none.
local function read_record(address)
  local text = call('GET', RECORDS .. address)
  return text and parse_record(address, text)
end

local function write_record(r)
  local head = pack(HEAD, r.state, r.digest, r.reuse, r.sequence, r.created, r.queued, r.started, r.finished,
    r.expires, r.deadline, r.not_before, r.ttl, r.timeout, r.charged, r.priority, r.class, r.most, r.counted, r.alone,
    r.reused, r.attempts, #r.holder, r.holder, #r.from, r.from, #r.labels, r.labels)
  call('SET', RECORDS .. r.address, head .. r.tries)
end

local function begin_attempt(r, drain, worker)
  r.state, r.holder, r.started = 'R', drain, now
  r.attempts, r.counted = r.attempts + 1, r.counted + 1
  r.tries = pack(TRY, r.attempts, now, 0, ' ', #worker, worker) .. r.tries
  if r.attempts > MOST_TRIES then
    local at = 1
    for _ = 1, MOST_TRIES do
      local _, _, _, _, _, next_one = struct.unpack(TRY, r.tries, at)
      at = next_one
    end
    r.tries = sub(r.tries, 1, at - 1)
  end
end

local function end_attempt(r, why)
  r.tries = sub(r.tries, 1, 10) .. pack('<I8c1', now, why) .. sub(r.tries, 20)
end

-- Changes to be told, by tenant.
local changes = {}

local function tell(r, letter)
  local tenant, id = tenant_of(r.address), id_of(r.address)
  local list = changes[tenant]
  if not list then
    list = {}
    changes[tenant] = list
  end
  list[#list + 1] = pack('<c1HBc0Hc0', letter, r.attempts, #id, id, #r.labels, r.labels)
end

local EVENTS_LIFE_MS, EVENTS_ENTRIES, EVENTS_ENTRY_BYTES = 3600000, 8192, 4096

-- Writes what was told: entries of some KiB with the id of the entry before, by which a reader knows whether any in
-- between are gone; the ms; and the changes: letter of the state ("D": deleted), attempts, id and labels with lengths.
local function publish()
  for tenant, list in pairs(changes) do
    local stream = EVENTS .. tenant
    local last = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    local before = last and last[1] or '0-0'
    local at = 1
    while at <= #list do
      local first, size = at, 0
      repeat
        size = size + #list[at]
        at = at + 1
      until at > #list or size + #list[at] > EVENTS_ENTRY_BYTES
      before = call('XADD', stream, 'MINID', '~', now - EVENTS_LIFE_MS, '*', 'before', before, 'at', now,
        'changes', table.concat(list, '', first, at - 1))
    end
    call('XTRIM', stream, 'MAXLEN', '~', EVENTS_ENTRIES)
    call('ZADD', EVENTFUL, now, tenant)
    call('PUBLISH', NEWS, (string.gsub(tenant, '%x%x', function(hex) return string.char(tonumber(hex, 16)) end)))
  end
end

-- Jobs that their drains hold no more, by drain.
local freed = {}

local function let_go(r)
  local list = freed[r.holder]
  if not list then
    list = { class = r.class }
    freed[r.holder] = list
  end
  list[#list + 1] = r.address
  r.holder = ''
end

local function write_freed()
  for drain, list in pairs(freed) do
    call('SREM', HELD .. drain, unpack(list))
    if call('EXISTS', HELD .. drain) == 0 then
      call('SREM', HOLDERS .. CLASSES[list.class], drain)
    end
  end
end

-- Has a drain stop a job that it holds.
local function stop(r)
  local list = CANCELS .. r.holder
  call('RPUSH', list, r.address .. '/' .. string.format('%.0f', r.sequence))
  call('PEXPIRE', list, CANCELS_LIFE_MS)
end

-- Writes a terminal state. What held the job, and its attempt, are the caller's business.
local function finish(r, state)
  r.state, r.finished, r.expires = state, now, now + r.ttl
  write_record(r)
  call('ZADD', ALARMS .. CLASSES[r.class], r.expires, r.address)
  tell(r, state)
end

local function is_terminal(r)
  return r.state ~= 'Q' and r.state ~= 'R'
end
