#!lua flags=allow-oom
-- Cancels jobs; those that are terminal stay as they are.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then the address of each job.
--
-- Returns the letter of each job's state afterwards, one after the other; "-" for a job that is not there.

-- include submitted.lua
-- include shelves.lua

local letters = {}
for i = FIXED + 1, #ARGV do
  local r = read_record(ARGV[i])
  if r and not is_terminal(r) then
    if r.state == 'R' then
      stop(r)
      end_attempt(r, 'C')
      let_go(r)
    else
      unshelve(r)
    end
    finish(r, 'C')
  end
  letters[#letters + 1] = r and r.state or '-'
end
write_freed()
publish()
return table.concat(letters)
