#!lua flags=allow-oom
-- Deletes jobs with all that belongs to them; one that runs is stopped.
--
-- KEYS: see submitted.lua.
-- ARGV: as there; then the address of each job.
--
-- Returns a letter for each job, one after the other: "D" for one that was there, else "-".

-- include submitted.lua
-- include shelves.lua
-- include ending.lua

local letters = {}
for i = FIXED + 1, #ARGV do
  local r = read_record(ARGV[i])
  if r then
    if r.state == 'R' then
      stop(r)
      let_go(r)
    elseif r.state == 'Q' then
      unshelve(r)
    end
    remove(r)
  end
  letters[#letters + 1] = r and 'D' or '-'
end
write_freed()
publish()
return table.concat(letters)
