/** The contract of outcomes: every form comes back from `claim` and `read` as it was stored (I4). */
import assert from 'node:assert/strict';
import type { HeaderLine, NotKeptReason, Outcome } from '../../core/outcome.ts';
import { sameOutcome, type CaseDefinition } from './case.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const none = new Uint8Array();

function answer(status: number, headers: readonly HeaderLine[], body: Uint8Array): Outcome {
  return { kind: 'answer', status, headers, body };
}

function value(details: unknown, label: string | null = null): Outcome {
  return { kind: 'value', body: text('{"a":1}'), label, refs: [], details };
}

const reasons: readonly NotKeptReason[] = ['oversize', 'stream', 'cut', 'unserializable'];

const forms: readonly (readonly [id: string, name: string, outcome: Outcome])[] = [
  ['answer', 'an answer', answer(200, [['content-type', 'text/plain']], text('done'))],
  ['answer-204', 'an answer without body or headers', answer(204, [], none)],
  ['answer-404', 'an answer of 404', answer(404, [['content-type', 'application/json']], text('{}'))],
  ['answer-599', 'an answer of an unknown status', answer(599, [], text('x'))],
  [
    'repeated-lines',
    'an answer with a header given twice',
    answer(
      200,
      [
        ['link', '<a>'],
        ['vary', 'accept'],
        ['link', '<b>'],
      ],
      none,
    ),
  ],
  [
    'header-case',
    'an answer with header names in mixed case',
    answer(
      200,
      [
        ['X-CamelCase', 'Value'],
        ['etag', '"x"'],
      ],
      none,
    ),
  ],
  ['header-empty', 'an answer with an empty header value', answer(200, [['x-empty', '']], none)],
  ['header-latin1', 'an answer with header values beyond ASCII', answer(200, [['x-name', 'Zoë ñ ÿ']], none)],
  [
    'header-quotes',
    'an answer with quotes in a header',
    answer(
      200,
      [
        ['etag', 'W/"a\\b"'],
        ['x-sql', "'; --"],
      ],
      none,
    ),
  ],
  [
    'header-many',
    'an answer with two hundred header lines',
    answer(
      200,
      Array.from({ length: 200 }, (_, index): HeaderLine => [`x-${index}`, 'v'.repeat(40)]),
      none,
    ),
  ],
  [
    'header-prototype',
    'an answer with a header named __proto__',
    answer(
      200,
      [
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ],
      none,
    ),
  ],
  ['value', 'a value', value(null)],
  ['value-undefined', 'a value without bytes', { kind: 'value', body: none, label: null, refs: [], details: null }],
  ['value-label', 'a value with a label', value(null, 'accepted')],
  [
    'value-refs',
    'a value with references in their order',
    {
      kind: 'value',
      body: text('1'),
      label: '',
      refs: [
        { kind: 'invoice', id: 'in_2' },
        { kind: 'größe', id: '' },
      ],
      details: null,
    },
  ],
  ['value-details', 'a value with nested details', value({ a: [1, 'two', null, { b: true }], ключ: 1.5 })],
  ['value-details-false', 'a value whose details are false', value(false)],
  ['value-details-zero', 'a value whose details are zero', value(0)],
  ['value-details-text', 'a value whose details are an empty text', value('')],
  ['failure', 'a failure', { kind: 'failure', name: 'TypeError', message: 'x is not a function' }],
  ['failure-empty', 'a failure without words', { kind: 'failure', name: '', message: '' }],
  [
    'failure-unicode',
    'a failure in many scripts and lines',
    { kind: 'failure', name: 'Fehler', message: 'größe\n支払い 💥\t"quoted"' },
  ],
  ...reasons.map(
    (reason) =>
      [
        `not-kept-${reason}`,
        `what was not kept (${reason})`,
        { kind: 'not-kept', reason, status: null, headers: [] },
      ] as const,
  ),
  [
    'not-kept-status',
    'what was not kept, with status and headers',
    {
      kind: 'not-kept',
      reason: 'oversize',
      status: 201,
      headers: [
        ['location', '/a'],
        ['link', '<b>'],
        ['link', '<c>'],
      ],
    },
  ],
];

/** Cases of outcomes. */
export const outcomeCases: readonly CaseDefinition[] = [
  ...forms.map(([id, name, outcome]): CaseDefinition => ({
    id: `outcome-${id}`,
    name: `${name} comes back as it was stored`,
    async run(t) {
      const ask = await t.completed({}, outcome);
      await t.expectOutcome(ask, outcome);
      sameOutcome((await t.read(ask)).outcome, outcome);
    },
  })),
  {
    id: 'outcome-not-kept-state',
    name: 'what was not kept is completed, not erased',
    async run(t) {
      const ask = await t.completed({}, { kind: 'not-kept', reason: 'cut', status: null, headers: [] });
      await t.expectState(ask, 'completed');
    },
  },
  {
    id: 'outcome-twice',
    name: 'an outcome is answered the same many times',
    async run(t) {
      const outcome = t.answer();
      const ask = await t.completed({}, outcome);
      for (let replay = 0; replay < 5; replay++) await t.expectOutcome(ask, outcome);
    },
  },
  {
    id: 'outcome-details-json',
    name: 'details come back as JSON makes them',
    async run(t) {
      const ask = await t.completed({}, value({ kept: 1, dropped: undefined, list: [undefined] }));
      const { outcome } = await t.claim(t.other(ask), 'completed');
      assert.ok(outcome.kind === 'value');
      assert.deepEqual(outcome.details, { kept: 1, list: [null] });
    },
  },
];
