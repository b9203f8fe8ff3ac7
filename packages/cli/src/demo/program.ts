/**
 * The demo's acts in order, with the words before each, and their one judgement: whether
 * everything that was expected held. It starts and stops nothing itself.
 */
import { crashHold, crashRerun } from './acts/crash.ts';
import { lostReply } from './acts/lost-reply.ts';
import { reusedKey } from './acts/reused-key.ts';
import { storm } from './acts/storm.ts';
import type { ActFacts, ActReport, Narrator } from './narrator.ts';
import type { Stage } from './stage.ts';

interface Act {
  /** Its name in JSON. */
  readonly name: string;
  readonly title: string;
  readonly story: string;
  readonly play: (stage: Stage, narrator: Narrator) => Promise<ActFacts>;
}

const acts: readonly Act[] = [
  {
    name: 'lost-reply',
    title: 'A reply gets lost',
    story:
      'A till sends an order with its key. The API charges; the connection breaks before the answer is back. The till cannot know, so it sends the order again.',
    play: lostReply,
  },
  {
    name: 'storm',
    title: 'A storm of 200 duplicates',
    story: 'Two hundred tills send one and the same order, through two gateway processes that share a SQLite file.',
    play: storm,
  },
  {
    name: 'reused-key',
    title: 'A key used for something else',
    story: 'A till with a bug sends another order under a key that has been used.',
    play: reusedKey,
  },
  {
    name: 'crash-rerun',
    title: 'A gateway is killed, the retry runs',
    story:
      'A gateway has claimed the key and sent the order on; the order is stuck in the network and has not reached the API. Then the gateway is killed.',
    play: crashRerun,
  },
  {
    name: 'crash-hold',
    title: 'A gateway is killed, the key is held',
    story:
      'The gateways now run with --abandoned hold, and the crash is a worse one: the API has charged, and the gateway is killed before the reply reaches it.',
    play: crashHold,
  },
];

/** Plays every act and answers their reports. */
export async function playAll(stage: Stage, narrator: Narrator): Promise<ActReport[]> {
  narrator.opening([
    'till ──▶ gateway ──▶ payments API',
    '         processes sharing one SQLite file',
    '',
    'The API charges whatever reaches it and knows nothing of keys; the gateway does.',
  ]);
  const reports: ActReport[] = [];
  for (const [index, act] of acts.entries()) {
    await narrator.breath();
    narrator.act(index + 1, act.title, act.story);
    const requestsBefore = stage.till.requestsSent;
    const chargesBefore = stage.api.charges.length;
    const played = await act.play(stage, narrator);
    const report: ActReport = {
      act: act.name,
      title: act.title,
      orders: 1,
      requests: stage.till.requestsSent - requestsBefore,
      charges: stage.api.charges.length - chargesBefore,
      ...played,
    };
    narrator.report(report);
    reports.push(report);
  }
  await narrator.breath();
  narrator.summary(reports);
  return reports;
}
