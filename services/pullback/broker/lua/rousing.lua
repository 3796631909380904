-- Included after submitted.lua: sees to it that somebody comes for what is on the shelves.
--
-- KEYS: see submitted.lua.

-- Gets a drain of a class to look at the shelves: one that waits idly at its lane, by an entry without jobs, or else one
-- that is yet to be woken. Returns the lane where the caller must send the wake-up, which counts as under way then.
local function rouse(class, may_wake)
  local at = 17 + 3 * (class - 1)
  local nodes, lane, drains = KEYS[at + 1], KEYS[at + 2], KEYS[at + 3]
  local live = call('ZCOUNT', drains, '(' .. now, '+inf')
  local busy, undelivered = call('SCARD', HOLDERS .. CLASSES[class]), 0
  local there = call('EXISTS', lane) == 1
  if there then
    local pending = call('XPENDING', lane, GROUP)
    busy = busy + (pending[4] and #pending[4] or 0)
    undelivered = call('XLEN', lane) - pending[1]
  end
  if live > busy then
    if there and undelivered == 0 then
      call('XADD', lane, '*', 'attempt', 1, 'accepted', now, 'jobs', '')
    end
  elseif may_wake and live < call('ZCOUNT', nodes, '(' .. now, '+inf') then
    call('ZADD', drains, now + WAKE_LIFE, 'wake:' .. now .. ':' .. live)
    return lane
  end
  return nil
end
