#!lua flags=allow-oom
-- Puts jobs of an entry back that a drain took with others and would work on for too long, so that other drains may.
--
-- KEYS: 1 lane (stream); see accept.lua. Written too: job records (strings), by a prefix and their ids.
-- ARGV: group, prefix of job records, entry, number of jobs that the drain keeps, the first ones.
--
-- Returns how many jobs were put back.

-- include jobs.lua

local lane, group, records, entry, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local fields = fields_of(lane, entry)
local shared = 0
if fields then
  for place, job in ipairs(jobs_in(fields.jobs)) do
    local key = records .. job.id
    local waiting = place > keep and waiting_for(key, job.digest, entry)
    if waiting then
      queue_again(key, lane, waiting, job, fields.attempt, fields.accepted)
      shared = shared + 1
    end
  end
end
if keep == 0 then
  redis.call('XACK', lane, group, entry)
  redis.call('XDEL', lane, entry)
end
return shared
