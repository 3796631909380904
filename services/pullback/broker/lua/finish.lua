#!lua flags=allow-oom
-- Writes outcomes, tells the gateways that wait, and takes the entries off the lane whose jobs are all finished.
--
-- An outcome is written only over a record that still waits for it: of two drains that finish the same job, the
-- first counts. That a job was cancelled (C) or expired (X) is true of one entry only, and is told but not kept: the id
-- is free again, for a caller who tries once more. Runs though Redis is full, for it frees more than it takes.
--
-- KEYS: 1 lane (stream), then for each job its record (string); see accept.lua.
--   Written too: long evaluations (strings), by a prefix and the job's id. Published to, by names that the records hold:
--   results:<gateway> (channel; a message holds for each job the lengths of its id, two bytes, and of its outcome, four
--   bytes, little-endian, then both; the outcome is left out where it is too long to be sent twice, and found in the
--   record).
-- ARGV: group, prefix of the results channels, prefix of long evaluations, longest outcome to send along in bytes, length
--   of the prefix of job records, number of entries to take off, the entries; then for each job its outcome, and its
--   terminal state followed by its digest, and that by the entry for C and X, and for others by "L" where the evaluation
--   was a long one.
--
-- Returns how many outcomes were written.

local call, sub = redis.call, string.sub
local group, results, evaluations, inline = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local prefix, ended = tonumber(ARGV[5]), tonumber(ARGV[6])
local FIXED, PER_JOB = 6 + ended, 2

local mail = {}
local function tell(record, id, outcome)
  local enclosed = #outcome <= inline and outcome or ''
  local letter = struct.pack('<HI', #id, #enclosed) .. id .. enclosed
  for gateway in string.gmatch(string.match(record, '^[^\n]*', 18), '[^,]+') do
    local letters = mail[gateway]
    if not letters then
      letters = {}
      mail[gateway] = letters
    end
    letters[#letters + 1] = letter
  end
end

local written = 0
for i = 1, (#ARGV - FIXED) / PER_JOB do
  local at = FIXED + PER_JOB * (i - 1) + 1
  local key, outcome, verdict = KEYS[i + 1], ARGV[at], ARGV[at + 1]
  local record = call('GET', key)
  if record and sub(record, 1, 1) == 'Q' and sub(record, 2, 17) == sub(verdict, 2, 17) then
    local state, id, more = sub(verdict, 1, 1), sub(key, prefix + 1), sub(verdict, 18)
    if state ~= 'C' and state ~= 'X' then
      call('SET', key, sub(verdict, 1, 17) .. outcome, 'KEEPTTL')
      if more == 'L' then
        call('DEL', evaluations .. id)
      end
    elseif sub(record, -#more) == more then
      call('DEL', key, evaluations .. id)
    else
      record = nil
    end
    if record then
      written = written + 1
      tell(record, id, outcome)
    end
  end
end

if ended > 0 then
  local entries = {}
  for i = 1, ended do
    entries[i] = ARGV[6 + i]
  end
  call('XACK', KEYS[1], group, unpack(entries))
  call('XDEL', KEYS[1], unpack(entries))
end
for gateway, letters in pairs(mail) do
  call('PUBLISH', results .. gateway, table.concat(letters))
end
return written
