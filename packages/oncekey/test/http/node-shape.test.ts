/** Requests and responses whose prototypes were exchanged become tables, and nothing else about them changes. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { settleShapes } from '../../src/http/node-shape.ts';

setFlagsFromString('--allow-natives-syntax');
const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;
const needed = Number.parseInt(process.versions.v8, 10) < 13;

function exchange() {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  Object.setPrototypeOf(request, Object.create(IncomingMessage.prototype) as object);
  Object.setPrototypeOf(response, Object.create(ServerResponse.prototype) as object);
  return { request: Object.assign(request, { next: 1 }), response: Object.assign(response, { locals: 2 }) };
}

test('exchanged prototypes: both become tables with the same properties', () => {
  const { request, response } = exchange();
  const before = [Object.entries(request), Object.entries(response)].map((all) => new Map(all));
  settleShapes(request, response);
  expect([Object.entries(request), Object.entries(response)].map((all) => new Map(all))).toEqual(before);
  expect([isFast(request), isFast(response)]).toEqual([!needed, !needed]);
});

test("Node's own prototypes: nothing is done", () => {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  settleShapes(request, response);
  expect([isFast(request), isFast(response)]).toEqual([true, true]);
});
