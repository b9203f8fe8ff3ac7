/**
 * Labels, outcomes and steps, sealed and opened. Only what was sealed is believed: a
 * readable outcome in the wrapped store was not written by this wrapper. The one exception
 * is the tombstone of an erased record, which says nothing and lets nothing run (I14).
 */
import type { Outcome, ValueOutcome } from '../../core/outcome.ts';
import type { Labels, RecordId, SavedStep } from '../../core/store.ts';
import { joinOutcome, splitOutcome } from '../stored-form/outcome.ts';
import { open, seal, unreadable } from './envelope.ts';
import type { Keyring, SealingKey } from './keyring.ts';
import { taggedLabels, tagOf } from './tags.ts';

/** Labels for the wrapped store. */
export function sealLabels(ring: Keyring, key: SealingKey, id: RecordId, labels: Labels): Labels {
  const sealed = seal(key, Buffer.from(JSON.stringify(labels)), [id, 'labels']);
  return taggedLabels(ring.tagKey, labels, Buffer.from(sealed).toString('base64'));
}

/** The labels again; those of a tombstone are its tags, which is all that is left of them. */
export async function openLabels(ring: Keyring, id: RecordId, stored: Labels, erased: boolean): Promise<Labels> {
  if (erased && stored.path === null) return stored;
  if (stored.path === null) throw unreadable('its labels are not sealed');
  const plain = await open(ring, Buffer.from(stored.path, 'base64'), [id, 'labels']);
  return JSON.parse(plain.toString()) as Labels;
}

/** An outcome for the wrapped store: a value whose bytes say everything. */
export function sealOutcome(key: SealingKey, id: RecordId, outcome: Outcome): Outcome {
  if (isTombstone(outcome)) return outcome;
  const { kind, head, body } = splitOutcome(outcome);
  const plain = withHead(JSON.stringify([kind, head, body !== null]), body ?? new Uint8Array());
  return { kind: 'value', body: seal(key, plain, [id, 'outcome']), label: null, refs: [], details: null };
}

/** The outcome again. Throws `record_unreadable` for one that was not sealed. */
export async function openOutcome(ring: Keyring, id: RecordId, stored: Outcome): Promise<Outcome> {
  if (isTombstone(stored)) return stored;
  if (!looksSealed(stored)) throw unreadable('its outcome is not sealed');
  const [text, body] = apart(await open(ring, stored.body, [id, 'outcome']));
  const [kind, head, hasBody] = JSON.parse(text) as [string, string, boolean];
  return joinOutcome({ kind, head, body: hasBody ? body : null });
}

/** A step for the wrapped store: found by a tag of its name. */
export function sealStep(ring: Keyring, key: SealingKey, id: RecordId, { name, bytes }: SavedStep): SavedStep {
  const tag = tagOf(ring.tagKey, 'step', id, name);
  return { name: tag, bytes: seal(key, withHead(name, bytes), [id, 'step', tag]) };
}

/** The steps again, in their order. */
export function openSteps(ring: Keyring, id: RecordId, stored: readonly SavedStep[]): Promise<SavedStep[]> {
  return Promise.all(
    stored.map(async (step) => {
      const [name, bytes] = apart(await open(ring, step.bytes, [id, 'step', step.name]));
      return { name, bytes };
    }),
  );
}

function isTombstone(outcome: Outcome): boolean {
  return outcome.kind === 'not-kept' && outcome.reason === 'erased';
}

function looksSealed(outcome: Outcome): outcome is ValueOutcome {
  return outcome.kind === 'value';
}

/** A text behind its length, and bytes. */
function withHead(text: string, bytes: Uint8Array): Buffer {
  const head = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, bytes]);
}

function apart(plain: Buffer): [text: string, bytes: Buffer] {
  const end = 4 + plain.readUInt32BE(0);
  return [plain.toString('utf8', 4, end), plain.subarray(end)];
}
