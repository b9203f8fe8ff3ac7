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
export function identify(name: OperationName & Pick<OperationCall, 'owner' | 'eventId'>): {
  id: string;
  labels: Labels;
} {
  const scope = soundScope(name.scope);
  const operation = optional('operation', name.operation);
  const key = soundName('key', name.key);
  const owner = optional('owner', name.owner);
  const eventId = optional('eventId', name.eventId);
  return {
    id: recordId(scope, operation, key),
    labels: { scope, operation, key, owner, method: null, path: null, eventId },
  };
}

/** The intent of a call. Throws for what is not sound, naming the field. */
export function intentOf(call: OperationCall, choices: Choices): Intent {
  const { id, labels } = identify(call);
  return { id, labels, fingerprint: fingerprintOf(call), policy: choices };
}

function optional(field: string, value: string | undefined): string | null {
  return value === undefined ? null : soundName(field, value);
}

function fingerprintOf(call: OperationCall): string | null {
  if (call.fingerprint !== undefined) return soundName('fingerprint', call.fingerprint);
  return call.input === undefined ? null : inputFingerprint(call.input);
}
