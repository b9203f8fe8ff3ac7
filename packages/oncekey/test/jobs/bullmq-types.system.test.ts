/** The entry fits the real BullMQ: a program that uses both compiles against their declarations. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, run, scratch, tool } from '../../../../test/support/scratch.ts';
import { outside } from '../../../../tools/outside/outside.js';

const program = `
import { Worker, type Job } from 'bullmq';
import { memory } from 'oncekey';
import { processor } from 'oncekey/bullmq';

interface Order {
  readonly amount: number;
}

const pay = processor(async ({ data }: Job<Order>, work) => work.step('charge', () => data.amount), { store: memory() });
export const worker: Worker<Order, number> = new Worker('orders', pay, { connection: {} });
`;

const folder = scratch();

test('a processor is what a Worker takes', async () => {
  const group = await outside('bullmq');
  symlinkSync(join(group.folder, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'program.ts'), program);
  const library = join(root, 'packages', 'oncekey', 'dist');
  const compilerOptions = {
    paths: { oncekey: [join(library, 'index.d.ts')], 'oncekey/bullmq': [join(library, 'jobs', 'bullmq.d.ts')] },
    typeRoots: [join(root, 'node_modules', '@types')],
    noEmit: true,
    declaration: false,
    isolatedDeclarations: false,
    // BullMQ's own declarations do not hold under all of our settings.
    skipLibCheck: true,
  };
  const settings = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['program.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  expect(await run(tool('tsc'), ['-p', '.'], folder)).toEqual({ code: 0, text: '' });
});
