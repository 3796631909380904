#!lua flags=allow-oom
-- Counts a drain among the living of its lane, and uses up the wake-up that it answers.
--
-- KEYS: 1 lane (stream; made here with its group where it is missing), 2 drains (sorted set); see accept.lua.
-- ARGV: group, drain, life in ms.
--
-- Returns now in ms.

if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if string.sub(member, 1, 5) == 'wake:' then
    redis.call('ZREM', KEYS[2], member)
    break
  end
end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
return now
