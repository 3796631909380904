#!lua flags=allow-oom
-- Counts a crash of a program, and puts the program into quarantine when that was one too many.
--
-- Runs though Redis is full: what it writes is small, bounded, and keeps workers from dying.
--
-- KEYS: 1 crashes (string; how often the program crashed; lives as long as a quarantine lasts, from the last crash on),
--   2 quarantine (sorted set; tags of programs, scored by the ms at which each is free again). Published to: a channel
--   that gateways listen to (a message is the ms that the program is refused for, 8 bytes, little-endian, and its tag).
-- ARGV: channel, tag, how much this crash counts, from which count on the program is refused, how long in ms, most programs in the
--   set; those refused for longest make way.
--
-- Returns 1 where the program is refused now, else 0.

local crashes, quarantine = KEYS[1], KEYS[2]
local channel, tag, weight = ARGV[1], ARGV[2], ARGV[3]
local enough, life, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local count = redis.call('INCRBY', crashes, weight)
redis.call('PEXPIRE', crashes, life)
if count < enough then
  return 0
end
redis.call('ZADD', quarantine, now + life, tag)
redis.call('ZREMRANGEBYSCORE', quarantine, '-inf', now)
redis.call('ZREMRANGEBYRANK', quarantine, 0, -most - 1)
redis.call('PEXPIRE', quarantine, life)
redis.call('PUBLISH', channel, struct.pack('<I8', life) .. tag)
return 1
