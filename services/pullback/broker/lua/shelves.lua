-- Included after submitted.lua: where jobs wait, and whose turn it is.
--
-- A tenant with jobs on shelves has a share, scored by what it was charged. It is served while it has the least score; so
-- over time tenants get equal seconds, whatever one of their jobs takes. A tenant without jobs on shelves is remembered
-- among the spent, so that one that brings a long job at a time is no better off than one that brings them all at once.

local HABITS_LIFE_MS = 3600000
local FIRST_PACE = 0.001

local function shelf(class, tenant, priority)
  return SHELVES .. CLASSES[class] .. ':' .. tenant .. ':' .. priority
end

-- Gives the least score among the tenants with shares; nil where there are none.
local function least_share(class)
  local first = call('ZRANGE', SHARES .. CLASSES[class], 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2])
end

-- Sees to it that a tenant with jobs on shelves has a share.
local function open_share(class, tenant)
  local shares, spent = SHARES .. CLASSES[class], SPENT .. CLASSES[class]
  if call('ZSCORE', shares, tenant) then
    return
  end
  local least = least_share(class)
  local score = 0
  if least then
    score = math.max(least, tonumber(call('ZSCORE', spent, tenant) or 0))
    call('ZREM', spent, tenant)
  else
    -- Nobody waits, so nobody is owed anything.
    call('DEL', spent)
  end
  call('ZADD', shares, score, tenant)
end

-- Takes a tenant's share away where nothing of it is left on shelves.
local function close_share(class, tenant)
  local left = call('EXISTS', shelf(class, tenant, 1), shelf(class, tenant, 2), shelf(class, tenant, 3))
  local shares, spent = SHARES .. CLASSES[class], SPENT .. CLASSES[class]
  if left > 0 then
    return
  end
  local score = call('ZSCORE', shares, tenant)
  if score then
    call('ZREM', shares, tenant)
    local least = least_share(class)
    if least and tonumber(score) > least then
      call('ZADD', spent, score, tenant)
      call('PEXPIRE', spent, HABITS_LIFE_MS)
    end
  end
end

-- Charges a tenant.
local function charge(class, tenant, seconds)
  local shares, spent = SHARES .. CLASSES[class], SPENT .. CLASSES[class]
  if call('ZSCORE', shares, tenant) then
    call('ZINCRBY', shares, seconds, tenant)
    return
  end
  local least = least_share(class)
  if least then
    local score = math.max(least, tonumber(call('ZSCORE', spent, tenant) or 0)) + seconds
    call('ZADD', spent, score, tenant)
    call('PEXPIRE', spent, HABITS_LIFE_MS)
  end
end

-- Puts a job where drains look.
local function shelve(r)
  call('ZADD', shelf(r.class, tenant_of(r.address), r.priority), r.sequence, id_of(r.address))
  open_share(r.class, tenant_of(r.address))
end

-- Takes a job from where drains look, if it is there.
local function unshelve(r)
  local tenant = tenant_of(r.address)
  if call('ZREM', shelf(r.class, tenant, r.priority), id_of(r.address)) == 1 then
    close_share(r.class, tenant)
  end
end

-- Has a job wait again that a drain held.
local function requeue(r)
  r.state, r.queued, r.charged = 'Q', now, 0
  write_record(r)
  shelve(r)
  tell(r, 'Q')
end
