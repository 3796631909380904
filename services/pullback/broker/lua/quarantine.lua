-- Tells which programs are refused, and for how long.
--
-- KEYS: 1 quarantine (sorted set); see crash.lua.
--
-- Returns {tag, ms left, tag, ms left, ...}.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {}
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES')
for i = 1, #found, 2 do
  answer[i] = found[i]
  answer[i + 1] = tonumber(found[i + 1]) - now
end
return answer
