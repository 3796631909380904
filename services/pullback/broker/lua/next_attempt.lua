#!lua flags=allow-oom
-- Begins the next attempt at a job whose evaluator died, by the drain that holds it; fails a job that has had all.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then drain, name of the worker, address, sequence number, number of the attempt that was lost, serialised
--   outcome of a job that had all its attempts.
--
-- Returns the number of the attempt that has begun; 0 where there is none.

-- include submitted.lua
-- include shelves.lua

local drain, worker, address = ARGV[FIXED + 1], ARGV[FIXED + 2], ARGV[FIXED + 3]
local sequence, attempt, outcome = tonumber(ARGV[FIXED + 4]), tonumber(ARGV[FIXED + 5]), ARGV[FIXED + 6]

local r = read_record(address)
if not r or r.state ~= 'R' or r.holder ~= drain or r.sequence ~= sequence then
  return 0
end
if r.attempts == attempt + 1 then
  -- Asked again: the answer was lost on its way.
  return r.attempts
end
if r.attempts ~= attempt then
  return 0
end
end_attempt(r, 'E')
-- The lost attempt took its time, too: a tenant whose jobs end their evaluators is to wait as long as any other.
charge(r.class, tenant_of(address), (now - r.started) / 1000 - r.charged / 1e6)
r.charged = 0
if r.counted >= r.most then
  let_go(r)
  call('SET', OUTCOMES .. address, outcome)
  finish(r, 'F')
  write_freed()
  publish()
  return 0
end
begin_attempt(r, drain, worker)
write_record(r)
tell(r, 'R')
publish()
return r.attempts
