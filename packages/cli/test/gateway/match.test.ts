/** Which requests a route is for: every case as data. */
import { expect, it } from 'vitest';
import { matches, parseMatch } from '../../src/gateway/match.ts';

it.each<[match: string, method: string, target: string, fits: boolean]>([
  ['POST /orders', 'POST', '/orders', true],
  ['POST /orders', 'POST', '/orders?a=/x', true],
  ['POST /orders', 'POST', '/orders/', false],
  ['POST /orders', 'PATCH', '/orders', false],
  ['POST /orders', 'POST', '/Orders', false],
  ['POST,PATCH /orders', 'PATCH', '/orders', true],
  ['/orders', 'PUT', '/orders', true],
  ['* /orders', 'PUT', '/orders', true],
  ['/', 'POST', '/', true],
  ['/', 'POST', '/x', false],
  ['/orders/*', 'POST', '/orders/7', true],
  ['/orders/*', 'POST', '/orders/', false],
  ['/orders/*', 'POST', '/orders/7/lines', false],
  ['/orders/*/lines', 'POST', '/orders/7/lines', true],
  ['/orders/**', 'POST', '/orders', true],
  ['/orders/**', 'POST', '/orders/7/lines', true],
  ['/orders/**', 'POST', '/orders2', false],
  ['/**', 'POST', '/anything/at/all', true],
  // Nothing is decoded or normalised: it goes upstream like that, too.
  ['/orders/*', 'POST', '/x/../orders/7', false],
  ['/orders/*', 'POST', '/orders%2F7', false],
  ['/a.c', 'POST', '/abc', false],
])('%s, asked by %s %s: %s', (match, method, target, fits) => {
  expect(matches(parseMatch('match', match), method, target)).toBe(fits);
});

it.each(['', 'orders', 'POST', 'POST orders', 'GET /x', '/a*', '/**/x', '/a b', '/a?b', '/a#b', 'POST,,PUT /x'])(
  '%j is refused by name',
  (match) => {
    expect(() => parseMatch('routes[0].match in f', match)).toThrow(/^routes\[0\]\.match in f: /);
  },
);
