#!lua flags=allow-oom
-- Keeps a worker slot, and the drain that it runs, among the living; hands over the jobs that were given up.
--
-- KEYS: 1 nodes (sorted set), 2 drains (sorted set), 3 cancels:<drain> (list of job ids, emptied here); see accept.lua.
-- ARGV: slot, its life in ms, drain or "" where none runs, its life in ms.
--
-- Returns {now in ms, job id, ...}.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local answer = { now }
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
  for _, job in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do
    answer[#answer + 1] = job
  end
  redis.call('DEL', KEYS[3])
end
return answer
