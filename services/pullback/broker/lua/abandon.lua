#!lua flags=allow-oom
-- Gives up the jobs of one gateway's callers who went away.
--
-- A job that another gateway still waits for goes on. Any other is forgotten, so that its request id is free again:
-- taken off the lane where it is queued, and named to the drain that holds it where it is running.
--
-- KEYS: two for each job: its record (string) and its long evaluation (string); see accept.lua.
--   Written too, by names that the records hold: the lane (stream), and cancels:<drain> (list of job ids; lives one
--   minute).
-- ARGV: group, gateway, prefix of the cancels lists, then the id of each job.
--
-- Returns how many jobs were forgotten.

local group, gateway, cancels = ARGV[1], ARGV[2], ARGV[3]
local FIXED = 3
local CANCELS_LIFE_MS = 60000

local function forget(i, lane, entry)
  local pending = redis.call('XPENDING', lane, group, entry, entry, 1)
  if pending[1] then
    local list = cancels .. pending[1][2]
    redis.call('RPUSH', list, ARGV[FIXED + i])
    redis.call('PEXPIRE', list, CANCELS_LIFE_MS)
  else
    redis.call('XDEL', lane, entry)
  end
  redis.call('DEL', KEYS[2 * i - 1], KEYS[2 * i])
end

local forgotten = 0
for i = 1, #ARGV - FIXED do
  local key = KEYS[2 * i - 1]
  local record = redis.call('GET', key)
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
      redis.call('SET', key, string.sub(record, 1, 17) .. rest, 'KEEPTTL')
    else
      forget(i, lane, entry)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
