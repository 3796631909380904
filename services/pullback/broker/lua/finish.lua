#!lua flags=allow-oom
-- Writes outcomes, tells the gateways that wait, and takes the entries off the lane.
--
-- An outcome is written only over a record that still waits for it: of two drains that finish the same job, the
-- first counts. Runs though Redis is full, for it frees more than it takes.
--
-- KEYS: 1 lane (stream), then one job record (hash) for each job; see accept.lua.
--   Published to, by names that the records hold: results:<gateway> (channel; a message holds for each job the lengths
--   of its id, two bytes, and of its outcome, four bytes, little-endian, then both; the outcome is left out where it is
--   too long to be sent twice, and found in the record).
-- ARGV: group, prefix of the results channels, longest outcome to send along in bytes; then for each job: id, entry,
--   digest, terminal state, outcome, "1" where the record holds the evaluation.
--
-- Returns how many outcomes were written.

local group, results, inline = ARGV[1], ARGV[2], tonumber(ARGV[3])
local FIXED, PER_JOB = 3, 6

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
      local enclosed = #outcome <= inline and outcome or ''
      letters[#letters + 1] = struct.pack('<HI', #ARGV[at], #enclosed) .. ARGV[at] .. enclosed
    end
  end
  entries[i] = ARGV[at + 1]
end

redis.call('XACK', KEYS[1], group, unpack(entries))
redis.call('XDEL', KEYS[1], unpack(entries))
for gateway, letters in pairs(mail) do
  redis.call('PUBLISH', results .. gateway, table.concat(letters))
end
return written
