/** One figure of a campaign: runs it with a seed of its own, shows progress and takes the time. */
import type { KillPlan } from '../faults/killed-worker.ts';
import { randomBy } from '../faults/seed.ts';
import type { Tally } from '../faults/tally.ts';
import { progress } from './progress.ts';
import type { Figure } from './report.ts';

/** What a campaign is asked for. */
export interface CampaignAsk {
  /** Faults a figure. */
  readonly runs: number;
  readonly seed: number;
  /** Ends the campaign after the rounds that run; what was counted is told. */
  readonly signal: AbortSignal;
  /** Hears each figure as soon as there is one. */
  readonly tell: (figure: Figure) => void;
}

/** Measures and tells one figure. */
export async function measured(
  name: string,
  metric: string,
  { runs, seed, signal, tell }: CampaignAsk,
  play: (plan: KillPlan) => Promise<Tally>,
): Promise<void> {
  if (signal.aborted) return;
  const startedMs = performance.now();
  const { step, end } = progress(`${name}: ${metric}`, runs);
  try {
    const tally = await play({ kills: runs, random: randomBy(seed), signal, step });
    tell({ name, metric, tally, seed, elapsedMs: performance.now() - startedMs });
  } finally {
    end();
  }
}
