#!lua flags=allow-oom
-- Takes a drain off its lane, unless work came in the meantime.
--
-- KEYS: 1 lane (stream), 2 drains (sorted set); see accept.lua; 3 shares (sorted set); see submitted.lua.
-- ARGV: group, drain, "1" to leave in any case, life of a wake-up in ms.
--
-- Returns "stay" where work waits and the drain may go on, "wake" where it left work behind (a wake-up is then counted as
-- under way, and the caller sends it), and "left" otherwise.

local group, drain, must, wake_life = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local waiting = redis.call('XLEN', KEYS[1]) - redis.call('XPENDING', KEYS[1], group)[1] + redis.call('EXISTS', KEYS[3])
if waiting > 0 and not must then
  return 'stay'
end
redis.call('ZREM', KEYS[2], drain)
if #redis.call('XPENDING', KEYS[1], group, '-', '+', 1, drain) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, drain)
end
if waiting > 0 then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('ZADD', KEYS[2], now + wake_life, 'wake:' .. now .. ':' .. drain)
  return 'wake'
end
return 'left'
