/**
 * A storage in memory: for tests, and for callers that want lanes and retries but no
 * durability. It forgets everything with the process and shares nothing with other ones.
 */
import { unfinished, type Commit, type CommitAnswer, type OutboxStorage } from '../storage.ts';
import type { Row, RowState, Usage } from '../storage.ts';

/** A storage that lives as long as this object. Several outboxes may share it. */
export function memoryStorage(name = 'memory'): OutboxStorage {
  const rows = new Map<string, Row>();
  const notes = new Map<string, string>();
  let seq = 0;

  const sorted = (state: RowState): Row[] =>
    [...rows.values()].filter((row) => row.state === state).toSorted((a, b) => a.seq - b.seq);

  function refusal({ rows: written = [], removed = [], notes: noted = [], limits }: Commit): CommitAnswer | undefined {
    for (const { id, seen } of [...written, ...removed]) {
      if ((rows.get(id)?.revision ?? 0) !== seen) return { kind: 'conflict', name: id };
    }
    for (const { name: noteName, seen } of noted) {
      if (seen !== undefined && (notes.get(noteName) ?? null) !== seen) return { kind: 'conflict', name: noteName };
    }
    const added = written.filter(({ seen }) => seen === 0);
    if (limits === undefined || added.length === 0) return undefined;
    const { entries, bytes } = unfinished(usageOf(rows.values()));
    if (entries + added.length > limits.entries) return { kind: 'full', limit: 'entries' };
    const more = added.reduce((sum, { data }) => sum + data.length, 0);
    return bytes + more > limits.bytes ? { kind: 'full', limit: 'bytes' } : undefined;
  }

  return {
    name,
    commit: async (commit) => {
      const refused = refusal(commit);
      if (refused !== undefined) return refused;
      const stored = (commit.rows ?? []).map(({ seen, ...row }): Row => {
        const known = rows.get(row.id);
        return { ...row, seq: known?.seq ?? (seq += 1), revision: seen + 1 };
      });
      for (const row of stored) rows.set(row.id, row);
      for (const { id } of commit.removed ?? []) rows.delete(id);
      for (const { name: noteName, value } of commit.notes ?? []) {
        if (value === null) notes.delete(noteName);
        else notes.set(noteName, value);
      }
      return { kind: 'stored', rows: stored };
    },
    read: async (id) => rows.get(id),
    head: async (lane) => sorted('open').find((row) => row.lane === lane),
    lanes: async (after, limit) => {
      const lanes = new Set(sorted('open').map(({ lane }) => lane));
      return [...lanes]
        .filter((lane) => after === null || lane > after)
        .toSorted((a, b) => (a < b ? -1 : 1))
        .slice(0, limit);
    },
    list: async (state, afterSeq, limit) =>
      sorted(state)
        .filter((row) => row.seq > afterSeq)
        .slice(0, limit),
    latest: async (state, limit) => sorted(state).reverse().slice(0, limit),
    note: async (noteName) => notes.get(noteName),
    usage: async () => usageOf(rows.values()),
    close: async () => undefined,
  };
}

function usageOf(rows: Iterable<Row>): Usage {
  const usage = { open: none(), parked: none(), dead: none(), done: none() };
  for (const { state, data } of rows) {
    usage[state].entries += 1;
    usage[state].bytes += data.length;
  }
  return usage;
}

function none(): { entries: number; bytes: number } {
  return { entries: 0, bytes: 0 };
}
