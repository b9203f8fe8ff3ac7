/**
 * What a caller names and wishes, as an intent: names are checked, the input becomes a
 * fingerprint. Decides nothing.
 */
import type { Intent } from '../core/engine.ts';
import { recordId } from '../core/key.ts';
import type { Labels } from '../core/store.ts';
import { inputFingerprint } from './input.ts';
import { soundName, soundScope } from './names.ts';
import type { OperationCall, OperationName } from './once.ts';
import type { Choices } from './options.ts';

/** The record id of a name, and the labels it gives. Throws for a name that is not sound, naming the field. */
export function identify(name: OperationName): { id: string; labels: Labels } {
  const scope = soundScope(name.scope);
  const operation = name.operation === undefined ? null : soundName('operation', name.operation);
  const key = soundName('key', name.key);
  const labels = { scope, operation, key, owner: null, method: null, path: null, eventId: null };
  return { id: recordId(scope, operation, key), labels };
}

/** The intent of a call. Throws for what is not sound, naming the field. */
export function intentOf(call: OperationCall, choices: Choices): Intent {
  const { id, labels } = identify(call);
  const owner = call.owner === undefined ? null : soundName('owner', call.owner);
  const eventId = call.eventId === undefined ? null : soundName('eventId', call.eventId);
  return { id, labels: { ...labels, owner, eventId }, fingerprint: fingerprintOf(call), policy: choices };
}

function fingerprintOf(call: OperationCall): string | null {
  if (call.fingerprint !== undefined) return soundName('fingerprint', call.fingerprint);
  return call.input === undefined ? null : inputFingerprint(call.input);
}
