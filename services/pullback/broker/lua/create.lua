#!lua
-- Creates jobs, each durably or not at all.
--
-- The flags of this script leave out allow-oom: a full Redis refuses it before it wrote anything. A job that is there
-- already, with the same digest, is left as it is.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then the tenant's tag in hex, and the ms after which a job expires at the latest; then of each job its
--   evaluation, preceded by, packed: number of the class that is wished for or 0, priority, most attempts (1 byte each); ms:
--   time limit, deadline or 0, not_before or 0, time to live (8 bytes each, little-endian); digest of the content and
--   digest for reuse or zeros (16 bytes each); id and labels, each with its length (2 bytes).
--
-- Returns {what became of each, lane to wake, ...}. The former is packed: of each job a letter and 8 bytes. The letter
--   is that of its state, and the number the ms of its creation; or it is "K", for an id that is another job's.

-- include submitted.lua
-- include shelves.lua
-- include rousing.lua

local tenant, longest = ARGV[FIXED + 1], tonumber(ARGV[FIXED + 2])
local FIRST, PER_JOB = FIXED + 3, 2

-- The class of jobs without a wish: the first that is served, or else the first.
local any = 1
for class = #CLASSES, 1, -1 do
  if call('ZCOUNT', KEYS[17 + 3 * (class - 1) + 1], '(' .. now, '+inf') > 0 then
    any = class
  end
end

-- Sequence numbers are unique and grow; while the clock does not go back, they are also its ms times 1,024.
local first = math.max(tonumber(call('GET', SEQUENCE) or 0) + 1, now * 1024)
local sequence = first

-- What goes into sorted sets, by key: score, member, score, member, ...
local added = {}
local function add(key, score, member)
  local list = added[key]
  if not list then
    list = {}
    added[key] = list
  end
  list[#list + 1] = score
  list[#list + 1] = member
end

local touched = {}
local function create(address, evaluation, wish, r)
  r.address, r.class = address, wish == 0 and any or wish
  r.state, r.sequence, r.created, r.queued = 'Q', sequence, now, now
  sequence = sequence + 1
  r.started, r.finished, r.expires, r.charged, r.counted, r.alone, r.attempts = 0, 0, 0, 0, 0, 0, 0
  r.reused, r.holder, r.from, r.tries = ' ', '', '', ''
  local latest = now + longest
  r.deadline = r.deadline == 0 and latest or math.min(r.deadline, latest)
  write_record(r)
  call('SET', EVALUATIONS .. address, evaluation)
  local id = id_of(address)
  add(INDEXES .. tenant, r.sequence, id)
  if r.not_before > now then
    add(ALARMS .. CLASSES[r.class], math.min(r.not_before, r.deadline), address)
  else
    add(ALARMS .. CLASSES[r.class], r.deadline, address)
    add(shelf(r.class, tenant, r.priority), r.sequence, id)
    touched[r.class] = true
  end
  tell(r, 'Q')
end

local answers = {}
for i = 1, (#ARGV - FIRST + 1) / PER_JOB do
  local at = FIRST + PER_JOB * (i - 1)
  local r = {}
  local wish, id
  wish, r.priority, r.most, r.timeout, r.deadline, r.not_before, r.ttl, r.digest, r.reuse, id, r.labels =
    struct.unpack('<BBBI8I8I8I8c16c16Hc0Hc0', ARGV[at])
  local address = tenant .. '/' .. id
  local there = call('GET', RECORDS .. address)
  if not there then
    create(address, ARGV[at + 1], wish, r)
    answers[i] = pack('<c1I8', 'Q', now)
  elseif sub(there, 2, 17) == r.digest then
    local old = parse_record(address, there)
    answers[i] = pack('<c1I8', old.state, old.created)
  else
    answers[i] = pack('<c1I8', 'K', 0)
  end
end

local reply = { table.concat(answers) }
if sequence > first then
  call('SET', SEQUENCE, string.format('%.0f', sequence - 1))
  for key, list in pairs(added) do
    call('ZADD', key, unpack(list))
  end
  for class in pairs(touched) do
    open_share(class, tenant)
    reply[#reply + 1] = rouse(class, true)
  end
  publish()
end
return reply
