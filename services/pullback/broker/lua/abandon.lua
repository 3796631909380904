#!lua flags=allow-oom
-- Gives up the jobs of one gateway's callers who went away.
--
-- A job that another gateway still waits for goes on. Any other is forgotten, so that its request id is free again:
-- taken off the lane where it is queued by itself, left out by the drain that takes the entry which it shares with
-- others, and named to the drain that holds it where it is running.
--
-- KEYS: for each job its record (string); see accept.lua.
--   Written too: long evaluations (strings), by a prefix and the job's id; by names that the records hold, the lane
--   (stream), its given-up (set of "<entry>/<job id>"; lives as long as the records would have), and cancels:<drain>
--   (list of "<entry>/<job id>"; lives one minute).
-- ARGV: group, gateway, prefix of the cancels lists, prefix of long evaluations, what the name of a lane's given-up
--   ends with, then the id of each job.
--
-- Returns how many jobs were forgotten.

-- include jobs.lua

local group, gateway, cancels, evaluations, given_up = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local FIXED = 5
local CANCELS_LIFE_MS = 60000

local function leave_out(lane, entry, id, life)
  local set = lane .. given_up
  redis.call('SADD', set, entry .. '/' .. id)
  if redis.call('PTTL', set) < life then
    redis.call('PEXPIRE', set, life)
  end
end

local function forget(i, lane, entry)
  local id = ARGV[FIXED + i]
  local pending = redis.call('XPENDING', lane, group, entry, entry, 1)
  if pending[1] then
    local list = cancels .. pending[1][2]
    redis.call('RPUSH', list, entry .. '/' .. id)
    redis.call('PEXPIRE', list, CANCELS_LIFE_MS)
  else
    local fields = fields_of(lane, entry)
    if fields and #jobs_in(fields.jobs) > 1 then
      leave_out(lane, entry, id, redis.call('PTTL', KEYS[i]))
    else
      redis.call('XDEL', lane, entry)
    end
  end
  redis.call('DEL', KEYS[i], evaluations .. id)
end

local forgotten = 0
for i = 1, #ARGV - FIXED do
  local record = redis.call('GET', KEYS[i])
  if record and string.sub(record, 1, 1) == 'Q' then
    local waiting, lane, entry = string.match(record, '^(.-)\n(.-)\n(.*)$', 18)
    local others = {}
    for name in string.gmatch(waiting, '[^,]+') do
      if name ~= gateway then
        others[#others + 1] = name
      end
    end
    if #others > 0 then
      local rest = table.concat(others, ',') .. '\n' .. lane .. '\n' .. entry
      redis.call('SET', KEYS[i], string.sub(record, 1, 17) .. rest, 'KEEPTTL')
    else
      forget(i, lane, entry)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
