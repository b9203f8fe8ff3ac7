/**
 * Outcomes in the form that stores keep: there and back, and nothing trusted that this
 * library would not have written.
 */
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import { joinOutcome, splitOutcome } from '../../src/stores/stored-form/outcome.ts';

const body = new Uint8Array([0, 255]);
const outcomes: readonly Outcome[] = [
  {
    kind: 'answer',
    status: 201,
    headers: [
      ['Link', '<a>'],
      ['Link', '<b>'],
    ],
    body,
  },
  { kind: 'value', body, label: 'accepted', refs: [{ kind: 'delivery', id: 'd' }], details: { a: [1] } },
  { kind: 'value', body, label: null, refs: [], details: null },
  { kind: 'failure', name: 'RangeError', message: 'too far' },
  { kind: 'not-kept', reason: 'oversize', status: 200, headers: [['ETag', '"1"']] },
  { kind: 'not-kept', reason: 'cut', status: null, headers: [] },
];

describe('the stored form', () => {
  test.each(outcomes)('of %j comes back as it was', (outcome) => {
    expect(joinOutcome(splitOutcome(outcome))).toEqual(outcome);
  });

  const answer = (head: object): { kind: string; head: string; body: Uint8Array } => ({
    kind: 'answer',
    head: JSON.stringify(head),
    body,
  });

  test.each([
    ['a line break in a header', answer({ status: 200, headers: [['A', 'b\r\nSet-Cookie: c']] })],
    ['a NUL in a header', answer({ status: 200, headers: [['A', 'b\0']] })],
    ['a colon in a header name', answer({ status: 200, headers: [['A:', 'b']] })],
    ['a header without a value', answer({ status: 200, headers: [['A']] })],
    ['headers that are no list', answer({ status: 200, headers: { a: 'b' } })],
    ['a status that is none', answer({ status: 99, headers: [] })],
    ['a status that is text', answer({ status: '200', headers: [] })],
    ['no body', { ...answer({ status: 200, headers: [] }), body: null }],
    ['an unknown kind', { ...answer({ status: 200, headers: [] }), kind: 'promise' }],
    ['an unknown reason', { kind: 'not-kept', head: '{"reason":"bored","status":null,"headers":[]}', body: null }],
    ['malformed references', { kind: 'value', head: '{"refs":[{"kind":1}]}', body }],
    ['a head that is no JSON', { kind: 'answer', head: '{', body }],
    ['a head that is no object', { kind: 'answer', head: '[]', body }],
  ])('is refused with %s', (_what, parts) => {
    expect(() => joinOutcome(parts)).toThrow(expect.objectContaining({ code: 'record_unreadable' }) as Error);
  });

  test('a member called __proto__ is data, not a prototype', () => {
    const joined = joinOutcome({ kind: 'value', head: '{"__proto__":{"label":"x"},"refs":[],"details":null}', body });
    expect(joined).toMatchObject({ label: null });
  });
});
