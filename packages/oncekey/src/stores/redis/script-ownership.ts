/**
 * The part of the script that owners use: claim, extend, complete, release, save steps.
 * One owner at a time (I1), completed is terminal (I2), only the current token writes
 * (I3), a differing fingerprint never runs (I6). What happens all the time takes no table.
 */

/** Lua; see `script.ts` for what it stands on. */
export const ownershipScript: string = `
local function granted(attempt, tail)
  if attempt == 1 or tail == '' then return attempt end
  return {attempt, tail}
end

local function agree(stored, given)
  return stored == '' or given == '' or stored == given or sub(stored, 1, 8) == 'foreign:'
end

-- A record that nobody owns, or whose owner went silent, goes to who asks with an agreeing fingerprint.
local function take_over(key, value, lease, keep, token, given)
  local r = take(value)
  local belonging, stored, rest = unpack('>I2c0I2c0', r.facts)
  if not agree(stored, given) then return value end
  if stored == '' then
    r.facts = pack('>I2c0I2c0', #belonging, belonging, #given, given) .. sub(r.facts, rest)
  end
  if r.notes == '' then r.notes = pack('>I6I4I4BB', now, 0, 0, 0, 0)
  else r.notes = pack('>I6', now) .. sub(r.notes, 7) end
  r.state, r.attempt, r.revision, r.at = OWNED, r.attempt + 1, r.revision + 1, now + lease
  r.token, r.keep = token, keep
  set(key, whole(r), keep == 0 and 0 or lease + keep)
  return granted(r.attempt, r.tail)
end

-- Refused claims are answered the record as it stands.
local function claim(key, from, to)
  local lease, keep, rerun, token, at = unpack('>I6I6BBc0', payload, from)
  local fresh = pack('>BI4I4I6I6Bc0I6', OWNED, 1, 1, now, now + lease, #token, token, keep)
    .. sub(payload, at, to) .. '\\0\\0'
  local old
  if keep == 0 then old = call('SET', key, fresh, 'NX', 'GET')
  else old = call('SET', key, fresh, 'NX', 'GET', 'PX', math.max(lease + keep - 1, 1)) end
  if not old then return 1 end
  old = stands(key, old)
  local state, attempt, _, _, ends, owner = unpack(HEAD, old)
  if state == OWNED then
    if owner == token then
      local r = take(old)
      r.at, r.keep = now + lease, keep
      set(key, whole(r), keep == 0 and 0 or lease + keep)
      return granted(attempt, r.tail)
    end
    if ends > now or rerun == 0 then return old end
  elseif state ~= OPEN then
    return old
  end
  local _, _, given = unpack('>I3I2c0I2c0', payload, at)
  return take_over(key, old, lease, keep, token, given)
end

local function extend(key, from)
  local lease, token = unpack('>I6Bc0', payload, from)
  local old = call('GETRANGE', key, 0, 300)
  if old == '' then return 0 end
  -- A fresh record is written out with the first heartbeat; from then on only its lease is.
  if byte(old) == FRESH then
    old = whole_of(key)
    call('SET', key, old, 'KEEPTTL')
  end
  local state, _, _, _, _, owner, at = unpack(HEAD, old)
  known(state)
  if state ~= OWNED or owner ~= token then return 0 end
  local keep = unpack('>I6', old, at)
  call('SETRANGE', key, 15, pack('>I6', now + lease))
  if keep > 0 then call('PEXPIRE', key, math.max(lease + keep - 1, 1)) end
  return 1
end

local function complete(key, from, to)
  local retention, token, at = unpack('>I6Bc0', payload, from)
  local old = whole_of(key)
  if not old then return 0 end
  local state, attempt, revision, first, done, owner, begins = unpack(HEAD, old)
  known(state)
  if owner ~= token or token == '' then return 0 end
  if state == COMPLETED then return {done} end
  if state ~= OWNED then return 0 end
  -- Facts and notes stay as they are; the keep before them and the steps behind them go.
  local notes = begins + 9 + unpack('>I3', old, begins + 6)
  local kept = sub(old, begins + 6, notes + 1 + unpack('>I2', old, notes))
  set(key, pack(HEAD, COMPLETED, attempt, revision + 1, first, now, #token, token) .. kept .. sub(payload, at, to), retention)
  tell(key)
  return 1
end

local function release(key, from)
  local keep, token = unpack('>I6Bc0', payload, from)
  local r = find(key)
  -- Open means released: nobody owns it, so nothing can be lost.
  if not r or r.state == OPEN then return 1 end
  if r.state ~= OWNED or r.token ~= token then return 0 end
  if r.attempt == 1 and r.tail == '' then
    call('DEL', key)
  else
    r.state, r.revision, r.at, r.token = OPEN, r.revision + 1, 0, ''
    set(key, whole(r), keep)
  end
  tell(key)
  return 1
end

local function save_step(key, from, to)
  local token, at = unpack('>Bc0', payload, from)
  local r = find(key)
  if not r or r.state ~= OWNED or r.token ~= token then return 0 end
  local name = unpack('>I2c0', payload, at)
  local head, tail, begins = r.tail, '', 1
  while begins <= #r.tail do
    local saved, bytes = unpack('>I2c0', r.tail, begins)
    local after = bytes + 4 + unpack('>I4', r.tail, bytes)
    if saved == name then
      head, tail = sub(r.tail, 1, begins - 1), sub(r.tail, after)
      break
    end
    begins = after
  end
  r.tail = head .. sub(payload, at, to) .. tail
  call('SET', key, whole(r), 'KEEPTTL')
  return 1
end
`;
