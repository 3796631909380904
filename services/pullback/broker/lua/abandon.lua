#!lua flags=allow-oom
-- Gives up the jobs of one gateway's callers who went away.
--
-- A job that another gateway still waits for goes on. Any other is forgotten, so that its request id is free again:
-- taken off the lane where it is queued, and named to the drain that holds it where it is running.
--
-- KEYS: one job record (hash) for each job; see accept.lua.
--   Written too, by names that the records hold: the lane, and cancels:<drain> (list of job ids; lives one minute).
-- ARGV: group, gateway, prefix of the cancels lists, then the id of each job.
--
-- Returns how many jobs were forgotten.

local group, gateway, cancels = ARGV[1], ARGV[2], ARGV[3]
local CANCELS_LIFE_MS = 60000
local forgotten = 0
for i, key in ipairs(KEYS) do
  local record = redis.call('HMGET', key, 'state', 'to', 'lane', 'entry')
  if record[1] == 'Q' then
    local others = {}
    for name in string.gmatch(record[2], '[^,]+') do
      if name ~= gateway then
        others[#others + 1] = name
      end
    end
    if #others > 0 then
      redis.call('HSET', key, 'to', table.concat(others, ','))
    else
      local pending = redis.call('XPENDING', record[3], group, record[4], record[4], 1)
      if pending[1] then
        local list = cancels .. pending[1][2]
        redis.call('RPUSH', list, ARGV[i + 3])
        redis.call('PEXPIRE', list, CANCELS_LIFE_MS)
      else
        redis.call('XDEL', record[3], record[4])
      end
      redis.call('DEL', key)
      forgotten = forgotten + 1
    end
  end
end
return forgotten
