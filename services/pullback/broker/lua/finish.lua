#!lua flags=allow-oom
-- Writes outcomes, tells the gateways that wait, and takes the entries off the lane.
--
-- An outcome is written only over a record that still waits for it: of two drains that finish the same job, the
-- first counts. That a job was cancelled (C) or expired (X) is true of one entry only, and is told but not kept: the id
-- is free again, for a caller who tries once more. Runs though Redis is full, for it frees more than it takes.
--
-- KEYS: 1 lane (stream), then two for each job: its record (string) and its long evaluation (string); see accept.lua.
--   Published to, by names that the records hold: results:<gateway> (channel; a message holds for each job the lengths
--   of its id, two bytes, and of its outcome, four bytes, little-endian, then both; the outcome is left out where it is
--   too long to be sent twice, and found in the record).
-- ARGV: group, prefix of the results channels, longest outcome to send along in bytes; then for each job: id, entry,
--   digest, terminal state, outcome, "1" where the evaluation was a long one.
--
-- Returns how many outcomes were written.

local group, results, inline = ARGV[1], ARGV[2], tonumber(ARGV[3])
local FIXED, PER_JOB = 3, 6

local mail = {}
local entries = {}
local written = 0
for i = 1, (#ARGV - FIXED) / PER_JOB do
  local at = FIXED + PER_JOB * (i - 1) + 1
  local key, outcome = KEYS[2 * i], ARGV[at + 4]
  local record = redis.call('GET', key)
  local passing = ARGV[at + 3] == 'C' or ARGV[at + 3] == 'X'
  if record and string.sub(record, 1, 17) == 'Q' .. ARGV[at + 2]
      and not (passing and string.sub(record, -#ARGV[at + 1]) ~= ARGV[at + 1]) then
    if passing then
      redis.call('DEL', key, KEYS[2 * i + 1])
    else
      redis.call('SET', key, ARGV[at + 3] .. ARGV[at + 2] .. outcome, 'KEEPTTL')
      if ARGV[at + 5] == '1' then
        redis.call('DEL', KEYS[2 * i + 1])
      end
    end
    written = written + 1
    local enclosed = #outcome <= inline and outcome or ''
    local letter = struct.pack('<HI', #ARGV[at], #enclosed) .. ARGV[at] .. enclosed
    for gateway in string.gmatch(string.match(record, '^[^\n]*', 18), '[^,]+') do
      local letters = mail[gateway]
      if not letters then
        letters = {}
        mail[gateway] = letters
      end
      letters[#letters + 1] = letter
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
