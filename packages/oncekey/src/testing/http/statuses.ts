/** The HTTP contract of what stands for good (rule 7): which answers are stored, which give the key back, by policy. */
import assert from 'node:assert/strict';
import type { ProtocolOptions } from '../../http/options.ts';
import { ran, replays, type HttpCaseDefinition } from './case.ts';

const stored = [
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 307, 308, 400, 402, 404, 405, 406, 410, 411, 412, 413, 414,
  415, 416, 417, 418, 422, 424, 426, 428, 451,
];
const released = [304, 401, 403, 407, 408, 409, 421, 423, 425, 429, 431];
const serverErrors: readonly (readonly [
  policy: NonNullable<ProtocolOptions['serverErrors']>,
  kept: readonly number[],
  not: readonly number[],
])[] = [
  ['safe', [500, 501, 502, 504, 507], [503]],
  ['release', [], [500, 502, 503, 504]],
  ['store', [500, 502, 503, 504], []],
];

/** Cases of statuses. */
export const statusCases: readonly HttpCaseDefinition[] = [
  ...stored.map((status) => settled(String(status), status, true, {})),
  ...released.map((status) => settled(String(status), status, false, {})),
  ...serverErrors.flatMap(([policy, kept, not]) => [
    ...kept.map((status) => settled(`${policy}-${status}`, status, true, { serverErrors: policy })),
    ...not.map((status) => settled(`${policy}-${status}`, status, false, { serverErrors: policy })),
  ]),
  settled('chosen-404', 404, false, { releasedStatuses: [404] }),
  settled('chosen-409', 409, true, { releasedStatuses: [404] }),
  {
    id: 'status-throw',
    name: 'a work that throws is answered with 500, once: a repeat gets the same answer',
    async run(t) {
      const app = await t.app(() => Promise.reject(new Error('part of the contract')), {
        options: { onWorkError: () => undefined },
      });
      const first = await app.ask();
      assert.equal(first.status, 500);
      replays(first, await app.ask());
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'status-throw-release',
    name: 'a work that throws runs again where server errors are released',
    async run(t) {
      const app = await t.app(
        () => {
          if (app.runs() === 1) throw new Error('part of the contract');
          return { status: 201 };
        },
        { options: { serverErrors: 'release', onWorkError: () => undefined } },
      );
      const first = await app.ask();
      assert.notEqual(first.status, 201);
      const second = await app.ask();
      ran(second);
      assert.deepEqual([second.status, app.runs()], [201, 2]);
    },
  },
  {
    id: 'status-declared-release',
    name: 'a work that declares that nothing happened may run again, whatever it answered',
    needs: ['work'],
    async run(t) {
      const app = await t.app(({ work }) => {
        work?.release();
        return { status: 201 };
      });
      assert.equal((await app.ask()).status, 201);
      ran(await app.ask());
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'status-declared-release-throw',
    name: 'a work that declares that nothing happened and throws may run again',
    needs: ['work'],
    async run(t) {
      const app = await t.app(
        ({ work }) => {
          work?.release();
          throw new Error('part of the contract');
        },
        { options: { onWorkError: () => undefined } },
      );
      await app.ask();
      ran(await app.ask());
      assert.equal(app.runs(), 2);
    },
  },
];

function settled(id: string, status: number, kept: boolean, options: ProtocolOptions): HttpCaseDefinition {
  return {
    id: `status-${id}-${kept ? 'stored' : 'released'}`,
    name: `${status} is ${kept ? 'stored: a repeat gets it again' : 'not: a repeat runs again'}${options.serverErrors === undefined ? '' : ` (${options.serverErrors})`}`,
    async run(t) {
      const app = await t.app({ status }, { options });
      const first = await app.ask();
      assert.equal(first.status, status);
      const again = await app.ask();
      if (kept) replays(first, again);
      else ran(again);
      assert.deepEqual([again.status, app.runs()], [status, kept ? 1 : 2]);
    },
  };
}
