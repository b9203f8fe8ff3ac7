/**
 * The calls that come by the thousand, each kind in a lane of its own, so that a heartbeat
 * or a completion never waits behind claims: alone they are sent at once, together by one
 * statement, and those that the answers of one batch lead to are together. A lane's
 * statement stays below what the server takes.
 */
import { IdempotencyError } from '../../core/errors.ts';
import type {
  ClaimAnswer,
  ClaimAsk,
  CompleteAnswer,
  CompleteAsk,
  ExtendAnswer,
  RecordId,
  StoredRecord,
} from '../../core/store.ts';
import { coalesce } from '../coalesce.ts';
import { Claiming } from './claim.ts';
import type { Place } from './database.ts';
import { isOwnFault } from './failure.ts';
import { type Completion, type ExtendAsk, completeAll, extendAll, prepareCompletion } from './ownership.ts';
import { readRecords } from './reading.ts';
import { literalBytes } from './statement.ts';

/** One function a kind of call. They reject with the client's own errors. */
export interface Lanes {
  readonly claim: (ask: ClaimAsk) => Promise<ClaimAnswer>;
  readonly extend: (ask: ExtendAsk) => Promise<ExtendAnswer>;
  readonly complete: (ask: CompleteAsk) => Promise<CompleteAnswer>;
  readonly read: (id: RecordId) => Promise<StoredRecord | undefined>;
}

/** Beyond this a longer statement gains nothing. */
const mostBytes = 4 * 1024 * 1024;
/** What a statement has beside its values. */
const frameBytes = 800;

/** Lanes to one table. */
export function lanesTo(place: Place): Lanes {
  const { packetBytes } = place;
  const claiming = new Claiming(place);
  const shared = {
    maxBytes: Math.min(mostBytes, packetBytes / 2),
    apart: isOwnFault,
    gather: (go: () => void): void => void setImmediate(go),
    traffic: { underWay: 0 },
  };
  const idOf = ({ id }: { readonly id: RecordId }): RecordId => id;
  const complete = coalesce<Completion, CompleteAnswer>({
    ...shared,
    idOf: ({ ask }) => ask.id,
    bytesOf: ({ head, body }) => frameBytes + literalBytes([head, body]),
    send: (completions) => completeAll(place, completions),
  });
  return {
    claim: coalesce<ClaimAsk, ClaimAnswer>({ ...shared, bytesOf: claimBytes, send: (asks) => claiming.send(asks) }),
    extend: coalesce<ExtendAsk, ExtendAnswer>({ ...shared, idOf, send: (asks) => extendAll(place, asks) }),
    complete: (ask) => completeWhatFits(complete, ask, packetBytes),
    read: coalesce<RecordId, StoredRecord | undefined>({
      ...shared,
      send: (ids) => readRecords(place.db.run, place.table, ids),
    }),
  };
}

/**
 * An outcome that no statement can carry leaves word that there is one, as with any other that is not kept. Without, it would be
 * tried again for as long as its owner lives, whose key nobody else gets meanwhile.
 */
async function completeWhatFits(
  complete: (completion: Completion) => Promise<CompleteAnswer>,
  ask: CompleteAsk,
  packetBytes: number,
): Promise<CompleteAnswer> {
  let completion: Completion;
  try {
    completion = prepareCompletion(ask, packetBytes);
  } catch (error) {
    if (!IdempotencyError.is(error, 'outcome_too_large')) throw error;
    const { status, headers } = ask.outcome.kind === 'answer' ? ask.outcome : { status: null, headers: [] };
    const outcome = { kind: 'not-kept', reason: 'oversize', status, headers } as const;
    const answer = await complete(prepareCompletion({ ...ask, outcome }, packetBytes));
    if (answer.kind === 'stored') throw error;
    return answer;
  }
  return complete(completion);
}

function claimBytes({ labels, fingerprint }: ClaimAsk): number {
  const { scope, operation, key, owner, method, path, eventId } = labels;
  return frameBytes + literalBytes([...scope, operation, key, owner, method, path, eventId, fingerprint]);
}
