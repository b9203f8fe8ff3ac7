/**
 * The part of the script beside ownership: reading, warming and import, notes, what
 * operators decide by the revision they saw (I15), erasing with a tombstone left behind
 * (I14). Live reservations are never touched (I13).
 */

/** Lua; see `script.ts` for what it stands on. */
export const operatingScript: string = `
local REPLAY, CONFLICT, RESOLVED, ERASURE = 0, 1, 2, 3

local function read(key)
  local value = whole_of(key)
  return value and {value, call('PTTL', key)}
end

-- What a search looks at: everything up to the notes.
local function look(key)
  local value = whole_of(key)
  if not value then return false end
  local state, _, _, _, _, _, at = unpack(HEAD, value)
  known(state)
  if state == OWNED then at = at + 6 end
  return sub(value, 1, at + 2 + unpack('>I3', value, at))
end

-- A record of an owner comes with a lease that counts from now.
local function put(key, from, to)
  local duration, revision, at = unpack('>I6I4', payload, from)
  local old = whole_of(key)
  if old then
    local state, _, standing = unpack(HEAD, old)
    known(state)
    if standing >= revision then return 0 end
  end
  local record = sub(payload, at, to)
  local state, _, _, _, lease = unpack(HEAD, record)
  if state == OWNED then record = sub(record, 1, 15) .. pack('>I6', now + lease) .. sub(record, 22) end
  set(key, record, duration)
  tell(key)
  return 1
end

-- Adds an event, the oldest dropped beyond 32, and a fingerprint that is not among the first 16.
local function remember(r, what, detail, replays, conflicts, fingerprint)
  local seen, replayed, conflicted, prints, events, at = r.first, 0, 0, 0, 0, 1
  if r.notes ~= '' then seen, replayed, conflicted, prints, events, at = unpack('>I6I4I4BB', r.notes) end
  local behind = at
  for _ = 1, prints do
    local one
    one, behind = unpack('>I2c0', r.notes, behind)
    if one == fingerprint then fingerprint = '' end
  end
  local known_prints, log = sub(r.notes, at, behind - 1), sub(r.notes, behind)
  if fingerprint ~= '' and prints < 16 then
    known_prints, prints = known_prints .. pack('>I2c0', #fingerprint, fingerprint), prints + 1
  end
  if events == 32 then
    local _, _, _, second = unpack('>I6BI2c0', log)
    log, events = sub(log, second), 31
  end
  if what == REPLAY or what == CONFLICT then seen = now end
  replayed, conflicted = math.min(replayed + replays, 4294967295), math.min(conflicted + conflicts, 4294967295)
  r.notes = pack('>I6I4I4BB', seen, replayed, conflicted, prints, events + 1) .. known_prints .. log
    .. pack('>I6BI2c0', now, what, #detail, detail)
end

local function note(key, from)
  local what, count, fingerprint, at = unpack('>BI4I2c0', payload, from)
  local r = find(key)
  if not r then return 0 end
  local detail = unpack('>I2c0', payload, at)
  if what == REPLAY then remember(r, REPLAY, '', count, 0, '')
  else remember(r, CONFLICT, detail, 0, 1, fingerprint) end
  call('SET', key, whole(r), 'KEEPTTL')
  return 1
end

local function resolve(key, from, to)
  local seen, duration, with_outcome, detail, at = unpack('>I4I6BI2c0', payload, from)
  local r = find(key)
  if not r then return -1 end
  if r.state ~= OWNED or r.revision ~= seen or r.at > now then return 0 end
  r.revision, r.token = r.revision + 1, ''
  if with_outcome == 1 then r.state, r.at, r.tail = COMPLETED, now, sub(payload, at, to)
  else r.state, r.at = OPEN, 0 end
  remember(r, RESOLVED, detail, 0, 0, '')
  set(key, whole(r), duration)
  tell(key)
  return 1
end

-- Of what was noted only the counts stay: what others sent is as personal as what was stored.
local function erase(key, from, to)
  local duration, nothing, at = unpack('>I6I2c0', payload, from)
  local r = find(key)
  if not r then return -1 end
  if r.state == OWNED and r.at > now then return 0 end
  if r.state ~= COMPLETED and r.state ~= ERASED then r.at = now end
  local belonging = unpack('>I2c0', r.facts)
  r.facts = pack('>I2c0', #belonging, belonging) .. nothing
  if r.notes ~= '' then r.notes = sub(r.notes, 1, 14) .. '\\0\\0' end
  r.state, r.revision, r.token, r.tail = ERASED, r.revision + 1, '', sub(payload, at, to)
  remember(r, ERASURE, '', 0, 0, '')
  set(key, whole(r), duration)
  tell(key)
  return 1
end
`;
