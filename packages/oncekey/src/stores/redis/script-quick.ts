/**
 * The script of the two calls that every piece of work makes: completions of records that
 * are as their claim left them, and claims of absent keys. It decides only what is plain
 * (I1–I3): a claim that meets a record is answered that record, a completion that does not
 * meet its own fresh record is answered its place, and neither has changed anything. A
 * call that fails is among them, and fails alone when it is asked again.
 */
import { createHash } from 'node:crypto';
import type { Script } from './connection.ts';

/*
 * Keys of completions come before keys of claims. Arguments: what the completions say, what the claims say, and the
 * channel where changes are told. Durations come as decimal digits: Redis takes them as they are.
 */
const text = `
local unpack, pack, sub, call = struct.unpack, struct.pack, string.sub, redis.pcall
local keys, said, place, at = KEYS, ARGV[1], 0, 1
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local undone, refused = {}, {}
local begins, retention, outcome, record
while at <= #said do
  begins, retention, outcome, at = unpack('>Bc0Bc0I3c0', said, at)
  place = place + 1
  local key, size, done = keys[place], #begins, false
  local old = call('GET', key)
  if type(old) == 'string' and sub(old, 1, size) == begins and #old > size + 14 then
    local ends = call('PEXPIRETIME', key)
    if ends > 0 then
      -- Attempt 1, revision 2, first seen when it was claimed; facts stay as they are, notes are empty.
      local value = '\\35\\0\\0\\0\\1\\0\\0\\0\\2' .. pack('>I6I6', ends - unpack('>I6', old, size + 1), now)
        .. sub(begins, 2) .. sub(old, size + 13) .. '\\0\\0' .. outcome
      if retention == '' then done = call('SET', key, value).ok
      else done = call('SET', key, value, 'PX', retention).ok end
    end
  end
  if not done then undone[#undone + 1] = place end
end
-- Who watches is told, if anybody does; a user who may not ask just tells.
local listeners = place > 0 and ARGV[3] and call('PUBSUB', 'NUMSUB', ARGV[3])
if listeners and (listeners.err or listeners[2] > 0) then
  local changed = {}
  for i = 1, place do changed[i] = sub(keys[i], -64) end
  call('PUBLISH', ARGV[3], table.concat(changed))
end
said, at = ARGV[2], 1
while at <= #said do
  retention, record, at = unpack('>Bc0I3c0', said, at)
  place = place + 1
  local old = call('SET', keys[place], record, 'NX', 'GET', 'PX', retention)
  if old then
    local next = #refused + 1
    refused[next], refused[next + 1] = place, type(old) == 'string' and old or ''
  end
end
if #undone + #refused == 0 then return now end
return {now, undone, refused}
`;

/** Completions of fresh records and claims of absent keys. */
export const quickScript: Script = { text, sha1: createHash('sha1').update(text).digest('hex') };
