/**
 * The README's code is what people copy first, so it must be true: every TypeScript and
 * JavaScript block of README.md and docs/guide is compiled against the built package, run, and
 * held to the output its comments promise. A block that cannot run says `no-run` after its language.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { blocksOf } from '../tools/house/prose.ts';
import { root, run, scratch, succeeded, tool } from './support/scratch.ts';
import type { Ended } from './support/scratch.ts';

interface Example {
  /** Page and line, for people. */
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

const guide = join(root, 'docs', 'guide');
const guidePages = () =>
  readdirSync(guide, { encoding: 'utf8', recursive: true }).filter((file) => file.endsWith('.md'));
const pages = [
  ...(existsSync(join(root, 'README.md')) ? ['README.md'] : []),
  ...(existsSync(guide) ? guidePages().map((file) => `docs/guide/${file}`) : []),
];
const blocks = pages.flatMap((path) =>
  blocksOf({ path, text: readFileSync(join(root, path), 'utf8') }).map((block) => ({ ...block, path })),
);
const examples = blocks
  .filter(({ info }) => /^(ts|js)\b/.test(info) && !info.includes('no-run'))
  .map(({ path, line, text }, index): Example => ({ name: `${path}:${line}`, file: `example-${index + 1}`, text }));

const folder = scratch();

beforeAll(() => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  // As most projects have it: frameworks' own declarations are not what is tested.
  const loose = { isolatedDeclarations: false, declaration: false, skipLibCheck: true };
  const compilerOptions = { rootDir: '.', outDir: 'built', ...loose };
  const settings = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  for (const { file, text } of examples) writeFileSync(join(folder, `${file}.ts`), text);
});

/** Runs a built example in a folder of its own, so that none finds another one's files. */
function runExample({ file }: Example, ending = ''): Promise<Ended> {
  const own = join(folder, 'runs', file);
  mkdirSync(own, { recursive: true });
  const program = `const example = await import(${JSON.stringify(join(folder, 'built', `${file}.js`))});\n${ending}`;
  const quiet = '--disable-warning=ExperimentalWarning';
  return run('node', [quiet, '--input-type=module', '--eval', program], own);
}

/** What a block promises to print: the comments behind its calls of console.log. */
function promisedLines({ text }: Example): string[] {
  return [...text.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, promise = '']) => promise);
}

describe('the documents', () => {
  test.runIf(pages.includes('README.md'))('have examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(3);
  });

  test('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const commands = blocks
      .filter(({ info }) => /^(sh|bash|shell)\b/.test(info))
      .flatMap(({ text }) => [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)])
      .map(([, named, short = '']) => named ?? short);
    expect(commands.filter((command) => !Object.hasOwn(scripts, command))).toEqual([]);
  });
});

describe.runIf(examples.length > 0)('the examples', () => {
  let compiled: Ended;
  beforeAll(async () => {
    compiled = await run(tool('tsc'), ['-p', '.'], folder);
  });

  test('compile against the built package', () => {
    expect(compiled).toEqual({ code: 0, text: '' });
  });

  test.each(examples)('$name runs and prints what it promises', async (example) => {
    const { code, text } = await runExample(example);
    const promised = promisedLines(example)
      .map((line) => `${line}\n`)
      .join('');
    expect({ code, text }).toEqual({ code: 0, text: promised });
  });

  test.each(examples.filter(({ text }) => /Idempotent-Replayed: true/.test(text)))(
    '$name answers a repeat as its comment says',
    async (example) => {
      const ended = await runExample(example, sendTwice);
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
