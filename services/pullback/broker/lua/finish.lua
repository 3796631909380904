#!lua flags=allow-oom
-- Writes outcomes, tells the gateways that wait, and takes the entries off the lane.
--
-- An outcome is written only over a record that still waits for it: of two drains that finish the same job, the
-- first counts. Runs though Redis is full, for it frees more than it takes.
--
-- KEYS: 1 lane (stream), then one job record (hash) for each job; see accept.lua.
--   Written too, by names that the records hold: results:<gateway> (stream; each entry's fields are job ids and their
--   serialised EvaluateOutcome, empty where it is too long to be sent twice; trimmed to the newest, and gone some
--   minutes after the last).
-- ARGV: group, prefix of the results streams, longest outcome to send along in bytes, newest entries kept, life of a
--   results stream in ms; then for each job: id, entry, digest, terminal state, outcome,
--   "1" where the record holds the evaluation.
--
-- Returns how many outcomes were written.

local group, results = ARGV[1], ARGV[2]
local inline, newest, life = tonumber(ARGV[3]), ARGV[4], ARGV[5]
local FIXED, PER_JOB = 5, 6

local mail = {}
local entries = {}
local written = 0
for i = 1, (#ARGV - FIXED) / PER_JOB do
  local at = FIXED + PER_JOB * (i - 1) + 1
  local outcome = ARGV[at + 4]
  local record = redis.call('HMGET', KEYS[i + 1], 'state', 'digest', 'to')
  if record[1] == 'Q' and record[2] == ARGV[at + 2] then
    redis.call('HSET', KEYS[i + 1], 'state', ARGV[at + 3], 'outcome', outcome)
    if ARGV[at + 5] == '1' then
      redis.call('HDEL', KEYS[i + 1], 'evaluation')
    end
    written = written + 1
    for gateway in string.gmatch(record[3], '[^,]+') do
      local letters = mail[gateway]
      if not letters then
        letters = {}
        mail[gateway] = letters
      end
      letters[#letters + 1] = ARGV[at]
      letters[#letters + 1] = #outcome <= inline and outcome or ''
    end
  end
  entries[i] = ARGV[at + 1]
end

redis.call('XACK', KEYS[1], group, unpack(entries))
redis.call('XDEL', KEYS[1], unpack(entries))
for gateway, letters in pairs(mail) do
  local stream = results .. gateway
  redis.call('XADD', stream, 'MAXLEN', '~', newest, '*', unpack(letters))
  redis.call('PEXPIRE', stream, life)
end
return written
