-- Included by scripts that take the entries of a lane apart; see accept.lua for what an entry holds.

-- Gives the fields of an entry by name, or nil where it is gone.
local function fields_of(lane, entry)
  local found = redis.call('XRANGE', lane, entry, entry)[1]
  if not found then
    return nil
  end
  local fields = {}
  for i = 1, #found[2], 2 do
    fields[found[2][i]] = found[2][i + 1]
  end
  return fields
end

-- Gives the jobs that an entry packs, in order, each with its id, its digest, and itself packed.
local function jobs_in(packed)
  local jobs = {}
  local at = 1
  while at <= #packed do
    local id_length, _, length, _, _, digest = struct.unpack('<HI8I4I8B', packed, at)
    local id = digest + 16 + 8
    local stop = id + id_length + length
    jobs[#jobs + 1] = {
      id = string.sub(packed, id, id + id_length - 1),
      digest = string.sub(packed, digest, digest + 15),
      packed = string.sub(packed, at, stop - 1),
    }
    at = stop
  end
  return jobs
end

-- Gives the gateways that wait for a job in this entry, as its record names them; nil where nobody does, or the job
-- is in another entry by now.
local function waiting_for(key, digest, entry)
  local record = redis.call('GET', key)
  if not record or string.sub(record, 1, 17) ~= 'Q' .. digest then
    return nil
  end
  local waiting, place = string.match(record, '^(.-)\n.-\n(.*)$', 18)
  return place == entry and waiting or nil
end

-- Queues a job once more, in an entry by itself.
local function queue_again(key, lane, waiting, job, attempt, accepted)
  local entry = redis.call('XADD', lane, '*', 'attempt', attempt, 'accepted', accepted, 'jobs', job.packed)
  redis.call('SET', key, 'Q' .. job.digest .. waiting .. '\n' .. lane .. '\n' .. entry, 'KEEPTTL')
end
