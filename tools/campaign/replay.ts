/** The campaign `replay`: a million random answers – binary, headers, chunkings – whose replays are equal to the byte (RELIABILITY check 12). */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memory, type Store } from 'oncekey';
import { sqlite } from 'oncekey/sqlite';
import { playReplays } from '../replay/replays.ts';
import { type CampaignAsk, measured } from './measured.ts';

/** Answers a run and store: no fault is waited for, so that half a thousand runs are a million answers on two stores. */
const answersPerRun = 1000;

/** Runs it on the two stores that need no server. */
export async function replay({ runs, ...rest }: CampaignAsk): Promise<void> {
  const ask = { ...rest, runs: runs * answersPerRun };
  const folder = await mkdtemp(join(tmpdir(), 'oncekey-replay-'));
  const play = (metric: string, store: Store): Promise<void> =>
    measured('replay', metric, ask, ({ kills: answers, signal, step }) =>
      playReplays(store, { answers, seed: ask.seed, ...(signal && { signal }), ...(step && { step }) }),
    );
  const file = sqlite(join(folder, 'replay.db'), { synchronous: 'normal' });
  try {
    await play('memory', memory());
    await play('sqlite', file);
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
}
