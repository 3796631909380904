#!lua flags=allow-oom
-- Keeps a worker slot, and the drain that it runs, among the living.
--
-- KEYS: 1 nodes (sorted set), 2 drains (sorted set); see accept.lua.
-- ARGV: slot, its life in ms or 0 where it takes no more work, drain or "" where none runs, its life in ms.
--
-- Returns now in ms.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], now + ARGV[4], ARGV[3])
end
return now
