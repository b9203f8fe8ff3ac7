/** The contract of labels: they come back as they were given, whatever characters they are made of, and decide nothing. */
import assert from 'node:assert/strict';
import type { Labels } from '../../core/store.ts';
import type { CaseDefinition } from './case.ts';

const nothingSaid = { operation: null, owner: null, method: null, path: null, eventId: null };

const given: readonly (readonly [id: string, name: string, labels: Partial<Labels>])[] = [
  ['public', 'the public scope', { scope: [] }],
  ['empty-part', 'a scope with an empty part', { scope: [''] }],
  ['two-parts', 'a scope with separators in its parts', { scope: ['a', 'b:c'] }],
  ['other-two-parts', 'a scope that a careless join would confuse', { scope: ['a:b', 'c'] }],
  ['many-parts', 'a scope of twenty parts', { scope: Array.from({ length: 20 }, (_, index) => `part ${index}`) }],
  ['nothing', 'no labels but a key', nothingSaid],
  [
    'empty',
    'empty labels, which are not absent ones',
    { operation: '', owner: '', method: '', path: '', eventId: '', key: '' },
  ],
  [
    'unicode',
    'labels in many scripts',
    { scope: ['größe', '支払い'], key: 'ключ-🔑', owner: 'ñandú', path: '/zażółć' },
  ],
  ['quotes', 'labels full of quotes', { key: `'"\`\\--;%_{}[]$1`, owner: "Robert'); DROP TABLE", path: '/a\\b"c' }],
  [
    'prototype',
    'labels named as an object inherits them',
    { scope: ['__proto__'], key: 'constructor', operation: 'toString' },
  ],
  [
    'numbers',
    'labels that look like numbers',
    { scope: ['1', '01', '1e3'], key: '0', eventId: '12345678901234567890' },
  ],
  ['spaces', 'labels with spaces at their ends', { scope: [' a '], key: ' k ', operation: ' o ' }],
  ['longest-key', 'a key of 255 characters', { key: 'k'.repeat(255) }],
  ['long-path', 'a path of 2000 characters', { path: `/${'p'.repeat(1999)}` }],
];

/** Cases of labels. */
export const labelCases: readonly CaseDefinition[] = [
  ...given.map(([id, name, over]): CaseDefinition => ({
    id: `labels-${id}`,
    name: `${name} comes back as given`,
    async run(t) {
      const labels = t.labels(over);
      const ask = await t.completed({ labels });
      const read = (await t.read(ask)).labels;
      assert.deepEqual({ ...read, scope: [...read.scope] }, labels);
    },
  })),
  {
    id: 'labels-decide-nothing',
    name: 'a claim with all other labels meets the same record',
    async run(t) {
      const ask = await t.completed();
      await t.claim(t.other(ask, { labels: { scope: [], key: 'other', ...nothingSaid } }), 'completed');
    },
  },
];
