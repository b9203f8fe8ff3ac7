/**
 * Holds the library to its three rings, and the rule itself to examples that break
 * them, so that a checker that has gone blind is noticed.
 */
import { describe, expect, test } from 'vitest';
import { wrongArrows } from './arrows.ts';
import { parseSource, shippedSources, told } from './source.ts';

const library = 'packages/oncekey/src/';

describe('the three rings', () => {
  test('every import of the library points inwards', () => {
    expect(told(wrongArrows(shippedSources()))).toEqual([]);
  });

  test.each([
    ['core/decide.ts', "import { memory } from '../stores/memory.ts';"],
    ['core/decide.ts', "import type { Ask } from '../http/seam.ts';"],
    ['core/decide.ts', "import { createClient } from 'redis';"],
    ['core/decide.ts', "export type { Ask } from '../http/seam.ts';"],
    ['core/decide.ts', "export const late = import('../stores/memory.ts');"],
    ['core/decide.ts', "export type Late = import('../stores/memory.ts').Memory;"],
    ['stores/tiered.ts', "import { sqlite } from './sqlite.ts';"],
    ['stores/sqlite/rows.ts', "import { begin } from '../../http/handle.ts';"],
    ['http/handle.ts', "import { memory } from '../stores/memory.ts';"],
    ['http/express.ts', "import express from 'express';"],
    ['protocol.ts', "import { isPromise } from './core/maybe.ts';"],
    ['client/fetch.ts', "import { IdempotencyError } from '../core/errors.ts';"],
    ['testing/contract.ts', "import { sqlite } from '../stores/sqlite.ts';"],
    ['novelty/file.ts', "import { isPromise } from '../core/maybe.ts';"],
  ])('%s may not say %s', (path, text) => {
    expect(wrongArrows([parseSource(library + path, text)])).toHaveLength(1);
  });

  test.each([
    ['core/decide.ts', "import { createHash } from 'node:crypto';"],
    ['stores/memory.ts', "import { HeldRecord } from './in-process/held-record.ts';"],
    ['index.ts', "export { memory } from './stores/memory.ts';"],
    ['stores/sqlite.ts', "import { rows } from './sqlite/rows.ts';"],
    ['stores/sqlite/rows.ts', "import type { Store } from '../../core/store.ts';"],
    ['http/express.ts', "import { capture } from './node.ts';"],
    ['client/fetch.ts', "import { keyHeader } from '../protocol.ts';"],
  ])('%s may say %s', (path, text) => {
    expect(wrongArrows([parseSource(library + path, text)])).toEqual([]);
  });
});
