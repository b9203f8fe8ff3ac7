/**
 * The script that does every call on the server: one run for a batch of calls, each atomic
 * with all others (I1–I3, I6, I8, I13–I15), judged by the server's clock. A call that fails
 * answers its own error and leaves its neighbours alone. Encodes nothing itself but what
 * it has to change; the layout is told in `record.ts`.
 */
import { createHash } from 'node:crypto';
import type { Script } from './connection.ts';
import { operatingScript } from './script-operating.ts';
import { ownershipScript } from './script-ownership.ts';

/** What a call does, as the script numbers it. */
export const codes = {
  claim: 1,
  extend: 2,
  complete: 3,
  release: 4,
  saveStep: 5,
  read: 6,
  look: 7,
  put: 8,
  note: 9,
  resolve: 10,
  erase: 11,
} as const;

const opening = `
local unpack, pack, sub, byte, call = struct.unpack, struct.pack, string.sub, string.byte, redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local payload = ARGV[1]
local changed = {}
local OWNED, OPEN, COMPLETED, ERASED, FRESH = 33, 34, 35, 36, 37
local HEAD = '>BI4I4I6I6Bc0'

-- Durations come one higher than they are; 0 is for ever.
local function set(key, value, duration)
  if duration == 0 then call('SET', key, value)
  else call('SET', key, value, 'PX', math.max(duration - 1, 1)) end
end

local function tell(key) changed[#changed + 1] = sub(key, -64) end

local function known(state)
  if state < OWNED or state > ERASED then error('it was written by a newer version, or by something else', 0) end
end

-- A record as everybody but the usual calls knows it. A fresh one is written out: what its expiry tells has to be in it
-- before the expiry changes. Without an expiry, which somebody must have taken away, its lease is over.
local function stands(key, value)
  if not value or byte(value) ~= FRESH then return value end
  local token, span, keep, at = unpack('>xBc0I6I6', value)
  local ends = call('PEXPIRETIME', key)
  if ends < 0 then ends = now end
  return pack('>BI4I4I6I6Bc0I6', OWNED, 1, 1, ends - span, ends - keep, #token, token, keep + 1) .. sub(value, at) .. '\\0\\0'
end

-- A record taken to pieces, for changes that are rare enough for a table.
local function take(value)
  local r, at = {}
  r.state, r.attempt, r.revision, r.first, r.at, r.token, at = unpack(HEAD, value)
  known(r.state)
  if r.state == OWNED then r.keep, at = unpack('>I6', value, at) end
  r.facts, at = unpack('>I3c0', value, at)
  r.notes, at = unpack('>I2c0', value, at)
  r.tail = sub(value, at)
  return r
end

local function whole(r)
  local head = pack(HEAD, r.state, r.attempt, r.revision, r.first, r.at, #r.token, r.token)
  if r.state == OWNED then head = head .. pack('>I6', r.keep) end
  return head .. pack('>I3', #r.facts) .. r.facts .. pack('>I2', #r.notes) .. r.notes .. r.tail
end

local function whole_of(key) return stands(key, call('GET', key)) end

local function find(key)
  local value = whole_of(key)
  return value and take(value)
end
`;

const closing = `
local operations = {claim, extend, complete, release, save_step, read, look, put, note, resolve, erase}
local answers, at = {now}, 1
for i = 1, #KEYS do
  local operation, length, from = unpack('>BI4', payload, at)
  at = from + length
  local done, answer = pcall(operations[operation], KEYS[i], from, at - 1)
  if not done then answer = {'!', type(answer) == 'table' and answer.err or tostring(answer)} end
  answers[i + 1] = answer
end
-- Who watches is told at most once a run; a user who may not publish goes without.
if #changed > 0 and ARGV[2] then redis.pcall('PUBLISH', ARGV[2], table.concat(changed)) end
return answers
`;

const text = [opening, ownershipScript, operatingScript, closing].join('');

/** Every call there is. */
export const script: Script = { text, sha1: createHash('sha1').update(text).digest('hex') };
