/**
 * The README's code is what people copy first, so it must be true: every TypeScript and
 * JavaScript block of README.md and docs/guide is compiled against the built package, run, and
 * held to the output its comments promise. A block that cannot run says `no-run` after its language.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { blocksOf } from '../tools/house/prose.ts';
import {
  compileExamples,
  examplePages,
  examplesOf,
  promisedEnding,
  runExample,
  writeExamples,
} from './support/examples.ts';
import { root, scratch, succeeded } from './support/scratch.ts';
import type { Ended } from './support/scratch.ts';

const pages = examplePages();
// Those that want a server are those of guides-on-servers.system.test.ts.
const examples = examplesOf(pages).filter(({ words }) => words.length === 0);
const folder = scratch();

beforeAll(() => writeExamples(folder, examples));

describe('the documents', () => {
  test('have examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
  });

  test('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const commands = pages
      .flatMap((path) => blocksOf({ path, text: readFileSync(join(root, path), 'utf8') }))
      .filter(({ info }) => /^(sh|bash|shell)\b/.test(info))
      .flatMap(({ text }) => [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)])
      .map(([, named, short = '']) => named ?? short);
    expect(commands.filter((command) => !Object.hasOwn(scripts, command))).toEqual([]);
  });
});

describe('the examples', () => {
  let compiled: Ended;
  beforeAll(async () => {
    compiled = await compileExamples(folder);
  });

  test('compile against the built package', () => {
    expect(compiled).toEqual({ code: 0, text: '' });
  });

  test.each(examples)('$name runs and prints what it promises', async (example) => {
    expect(await runExample(folder, example)).toEqual(promisedEnding(example));
  });

  test.each(examples.filter(({ text }) => /Idempotent-Replayed: true/.test(text)))(
    '$name answers a repeat as its comment says',
    async (example) => {
      const ended = await runExample(folder, example, { ending: sendTwice });
      expect(ended).toEqual(succeeded);
      const [first, repeat] = JSON.parse(ended.text) as [Seen, Seen];
      expect(first).toMatchObject({ status: 201, marker: null });
      expect(repeat).toEqual({ ...first, marker: 'true' });
    },
  );
});

interface Seen {
  readonly status: number;
  readonly marker: string | null;
  readonly body: string;
}

const sendTwice = `
  import { once } from 'node:events';
  import { createServer } from 'node:http';
  const server = createServer(example.default).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const send = async () => {
    const headers = { 'Idempotency-Key': 'order-17', Authorization: 'Bearer acme' };
    const answer = await fetch('http://127.0.0.1:' + server.address().port + '/charges', { method: 'POST', headers });
    return { status: answer.status, marker: answer.headers.get('Idempotent-Replayed'), body: await answer.text() };
  };
  console.log(JSON.stringify([await send(), await send()]));
  server.close();
  server.closeAllConnections();
`;
