/**
 * Rules for text: fenced blocks name their language, nothing tells of one machine, and
 * the headings of a reference page are exactly the things it refers to. It does not
 * judge style.
 */
import type { Breach } from './source.ts';
import { lineAt } from './source.ts';

/** A text file and its path. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** A fenced block of a Markdown page. */
export interface Block {
  /** Everything after the fence: the language, then words for tools. */
  readonly info: string;
  readonly text: string;
  /** Of the opening fence. */
  readonly line: number;
}

/** The fenced blocks of a page, in order. */
export function blocksOf({ text }: Page): Block[] {
  const blocks: Block[] = [];
  const fence = /^( *)(`{3,}|~{3,})([^\n]*)\n([^]*?)^\1\2[ \t]*$/gm;
  for (const match of text.matchAll(fence)) {
    const [, indent = '', , info = '', body = ''] = match;
    const unindented = body.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    blocks.push({ info: info.trim(), text: unindented, line: lineAt(text, match.index) });
  }
  return blocks;
}

/** Fenced blocks without a language. */
export function unnamedFences(pages: readonly Page[]): Breach[] {
  return pages.flatMap((page) =>
    blocksOf(page)
      .filter(({ info }) => info === '')
      .map(({ line }) => ({ path: page.path, line, message: 'a fenced block names no language' })),
  );
}

// Pieced together, so that this file does not name what it forbids.
const machineSigns: readonly RegExp[] = [
  /(?<![\w.~-])\/(work|root|tmp)\/[\w.-]+/,
  /(?<![\w.~-])\/(home|Users)\/(?!node\b)\w+/,
  /\bregistry\.[a-z]+(js)?\.(org|com)\b/,
  /\bregistry\.[a-z]+\.(org|com)\b/,
];

/** Paths of one machine and hosts of package registries. */
export function machineTraces(pages: readonly Page[]): Breach[] {
  return pages.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, index) => {
      const found = machineSigns.map((sign) => sign.exec(line)?.[0]).find((each) => each !== undefined);
      return found === undefined ? [] : [{ path, line: index + 1, message: `tells of one machine: ${found}` }];
    }),
  );
}

/** Headings of one level, without code marks. */
export function headingsOf(text: string, level: number): string[] {
  const heading = new RegExp(`^#{${level}} +(.+?) *$`, 'gm');
  return [...text.matchAll(heading)].map(([, title = '']) => title.replaceAll('`', ''));
}
