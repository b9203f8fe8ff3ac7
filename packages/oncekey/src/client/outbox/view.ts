/** An entry as applications see it: where it stands, why it stopped, what came of it. */
import { entryOf, type Box } from './box.ts';
import type { Failure, Json, OutboxResult } from './entry.ts';
import { plainOf } from './request.ts';
import type { Row, RowState } from './storage.ts';

/** A look at an entry; it does not change with the entry. */
export interface EntryView {
  readonly id: string;
  /** Order of adding. */
  readonly seq: number;
  readonly lane: string;
  readonly state: RowState;
  readonly key: string;
  readonly method: string;
  /** With placeholders as `{id}`. */
  readonly url: string;
  /** As text with placeholders as `{id}`; null for none, for bytes, and once done. */
  readonly body: string | null;
  readonly needs: readonly string[];
  readonly meta: Json;
  readonly addedAtMs: number;
  /** How often it was sent; 0 can still be cancelled. */
  readonly sends: number;
  /** Whether this instance is sending it now. */
  readonly sending: boolean;
  /** When it is sent again; null when nothing keeps it waiting but its place. */
  readonly dueAtMs: number | null;
  readonly failure: Failure | null;
  readonly result: OutboxResult | null;
}

/** The view of what is kept. */
export function viewOf(box: Box, row: Row): EntryView {
  const entry = entryOf(box, row);
  const { id, seq, lane, state, key, needs, meta, addedAtMs, sends, failure, result } = entry;
  const { method, url, body: kept } = plainOf(entry.request, true);
  const body = typeof kept === 'string' ? kept : null;
  const sending = box.sending.has(id);
  const dueAtMs = entry.dueAtMs > box.settings.clock.nowMs() ? entry.dueAtMs : null;
  return {
    id,
    seq,
    lane,
    state,
    key,
    method,
    url,
    body,
    needs,
    meta,
    addedAtMs,
    sends,
    sending,
    dueAtMs,
    failure,
    result,
  };
}
