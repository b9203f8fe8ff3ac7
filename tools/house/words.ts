/**
 * Words that give a wrong idea away: protocol and database words in the core's
 * identifiers ("bleed"), and the glossary's second column in exported names. Comments
 * are free to use any word; only identifiers are read.
 */
import type { Breach, Source, SyntaxNode } from './source.ts';
import { isNode, lineAt, nodesOf } from './source.ts';
import { exportedDeclarations } from './documented.ts';

const coreFolder = 'packages/oncekey/src/core/';
const glossaryFolders = [coreFolder, 'packages/oncekey/src/stores/'];

/** Whole words of an identifier, in lower case. */
const bleedWords = new Set(
  'http https express fastify koa hono nest fetch redis lua sql sqlite postgres pg mysql mongo table row'.split(' '),
);

/** Sequences of whole words, with the word that the glossary has instead. */
const glossary: readonly (readonly [banned: string, instead: string])[] = [
  ['request id', 'key'],
  ['checksum', 'fingerprint'],
  ['callback', 'work'],
  ['lock', 'claim'],
  ['unlock', 'complete or release'],
  ['ttl', 'lease or retention'],
  ['lock id', 'token'],
  ['retry count', 'attempt'],
  ['cache entry', 'outcome'],
  ['cache hit', 'replay'],
  ['stale', 'abandoned'],
];

/** Identifiers of the core that know a protocol or a database. */
export function bleeds(sources: readonly Source[]): Breach[] {
  return sources
    .filter(({ path }) => path.startsWith(coreFolder))
    .flatMap((source) =>
      identifiersOf(source.program).flatMap((node) => {
        const name = String(node['name']);
        const word = wordsOf(name).find((each) => bleedWords.has(each));
        if (word === undefined) return [];
        return [breach(source, node, `the core does not know the word "${word}" (in ${name})`)];
      }),
    );
}

/** Exported names of core and stores, their members included, that use a word the glossary replaces. */
export function glossaryBreaches(sources: readonly Source[]): Breach[] {
  return sources
    .filter(({ path }) => glossaryFolders.some((folder) => path.startsWith(folder)))
    .flatMap((source) =>
      exportedDeclarations(source).flatMap((declaration) =>
        publicNames(declaration.node).flatMap((node) => {
          const name = String(node['name']);
          const words = ` ${wordsOf(name).join(' ')} `;
          const found = glossary.find(([banned]) => words.includes(` ${banned} `));
          if (found === undefined) return [];
          return [breach(source, node, `${name}: say ${found[1]}, not ${found[0]}`)];
        }),
      ),
    );
}

/** `leaseLeftMs` → lease, left, ms. */
export function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[\s_$#-]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
}

function identifiersOf(program: SyntaxNode): SyntaxNode[] {
  return [...nodesOf(program)].filter(({ type }) => type === 'Identifier' || type === 'PrivateIdentifier');
}

const memberTypes = new Set(['TSPropertySignature', 'TSMethodSignature', 'PropertyDefinition', 'MethodDefinition']);

/** The declared name and the names of members; parameters and locals are the author's own affair. */
function publicNames(declaration: SyntaxNode): SyntaxNode[] {
  const names: unknown[] = [declaration['id']];
  for (const node of nodesOf(declaration)) if (memberTypes.has(node.type)) names.push(node['key']);
  return names.filter(isNode).filter(({ type }) => type === 'Identifier');
}

function breach(source: Source, node: SyntaxNode, message: string): Breach {
  return { path: source.path, line: lineAt(source.text, node.start), message };
}
