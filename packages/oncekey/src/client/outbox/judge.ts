/**
 * What an answer means for an entry: it took effect, it comes again later, or it stops for
 * a person. Success is believed only where the answer can be the server's; and an entry
 * stops with what is known of its effect, for that decides whether it may get a new key.
 */
import { readKeyValue } from '../key.ts';
import { isReplayed, mayRetry, problemCode } from '../verdict.ts';
import { keyHeaderName } from '../../protocol.ts';
import type { Effect, Entry, Failure, FailureReason } from './entry.ts';
import type { LaterReason } from './events.ts';
import type { OutboxSettings } from './settings.ts';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  /** A header by name, null when absent. */
  header(name: string): string | null;
  /** As text, up to 1 MiB; null when there was more. */
  readonly body: string | null;
}

/** What is to be done with the entry. */
export type Judgement =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly why: LaterReason }
  | { readonly kind: 'dead'; readonly why: Why };

/** Why an entry stops. */
export type Why = Pick<Failure, 'reason' | 'effect' | 'detail'>;

/** Refusals that stop an entry under their own name, which begins with `idempotency_`. */
const remembered: readonly FailureReason[] = ['outcome_unknown', 'outcome_not_kept', 'key_reused'];

/** Judges the answer to the entry as it was just sent. */
export async function judge(settings: OutboxSettings, entry: Entry, answer: Answer): Promise<Judgement> {
  const code = problemCode(answer.body ?? '');
  if (!isTheServers(settings, entry, answer, code)) return { kind: 'later', why: 'captive' };
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'done' };
  // "See other": the effect is there, and Location says where.
  if (status === 303) return { kind: 'done' };
  if (await mayRetry(status, answer.header, () => answer.body ?? '')) {
    // Only a 500 may be the entry's own fault; the rest says that the server is busy or away, and that passes.
    return { kind: 'later', why: status === 500 ? 'failing' : 'busy' };
  }
  if (status === 401 || status === 407) return { kind: 'later', why: 'credentials' };
  return stopped(entry, answer, code);
}

function stopped(entry: Entry, { status, header }: Answer, code: string | undefined): Judgement {
  const detail = `the server answered ${status} ${code ?? ''}`;
  const dead = (reason: FailureReason, effect: Effect): Judgement => ({
    kind: 'dead',
    why: { reason, effect, detail },
  });
  const reason = remembered.find((each) => code === `idempotency_${each}`);
  if (reason !== undefined) return dead(reason, reason === 'outcome_not_kept' ? 'took' : 'unknown');
  if (status >= 500) return dead('failed', 'unknown');
  // A refusal of the only request that was ever sent, or the replay of the first answer: nothing took effect.
  return dead('refused', entry.sends === 1 || isReplayed(header) ? 'none' : 'unknown');
}

/** Whether the answer can come from the server, and not from something that stands in for it. */
function isTheServers(settings: OutboxSettings, entry: Entry, answer: Answer, code: string | undefined): boolean {
  const echo = answer.header(keyHeaderName);
  if (echo !== null) return readKeyValue(echo) === entry.key;
  // The protocol's own refusals do not echo, and name themselves.
  if (code?.toLowerCase().startsWith('idempotency_') === true) return true;
  if (settings.echo === 'required') return false;
  const { status } = answer;
  if (status < 200 || (status >= 300 && status < 400) || status === 511) return false;
  if (status >= 300 || status === 204 || answer.body === '') return true;
  return settings.expect(answer);
}
