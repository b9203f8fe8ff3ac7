/**
 * Lets scripts of chosen origins read the answers that the protocol makes itself, and
 * replays, whose stored headers never carry another origin's permission (rule 8). It
 * grants reading only, never credentials, and does not touch live answers.
 */
import type { HeaderLine } from '../core/outcome.ts';
import { keyHeaderName, retentionHeaderName } from '../protocol.ts';
import type { AskHead } from './seam.ts';
import type { Settings } from './settings.ts';

const none: readonly HeaderLine[] = [];

/** The header lines to add for the asking origin; none when it may not read. */
export function corsLines(settings: Settings, ask: AskHead): readonly HeaderLine[] {
  const { corsOrigins, replayHeader } = settings;
  if (corsOrigins.length === 0) return none;
  const origin = ask.headerLines('origin')[0];
  const any = corsOrigins.includes('*');
  // Whether the origin is asked about or not: a shared cache must not mix the two.
  const vary: readonly HeaderLine[] = any ? none : [['Vary', 'Origin']];
  if (origin === undefined || !(any || corsOrigins.includes(origin))) return vary;
  return [
    ['Access-Control-Allow-Origin', any ? '*' : origin],
    ['Access-Control-Expose-Headers', `${replayHeader}, Retry-After, ${keyHeaderName}, ${retentionHeaderName}`],
    ...vary,
  ];
}
