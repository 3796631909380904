-- Included after submitted.lua: the end of a job's life.

-- Removes a job that waits on no shelf and that no drain holds. A result of it that others may reuse is found to be gone
-- by whoever looks for it.
local function remove(r)
  call('DEL', RECORDS .. r.address, EVALUATIONS .. r.address, OUTCOMES .. r.address)
  call('ZREM', INDEXES .. tenant_of(r.address), id_of(r.address))
  call('ZREM', ALARMS .. CLASSES[r.class], r.address)
  tell(r, 'D')
end
