/**
 * Keeps requests and responses fast whose prototypes a framework exchanges for each of them,
 * as Express does. Through V8 12 every property that is then added to such an object makes a
 * hidden class that no other object has, and no access to it is ever cached. An object that
 * lost a property has its properties in a table instead: adding is cheap there, and all such
 * objects share one class. The handler gains as much by it as the library does.
 */
import { IncomingMessage, type ServerResponse } from 'node:http';

/** Whether this is Node itself; other runtimes only look alike. */
export const onNode: boolean = !('bun' in process.versions || 'deno' in process.versions);
/** Node 20 and 22; V8 13, which shares the classes, is left alone. */
const needed = onNode && Number.parseInt(process.versions.v8, 10) < 13;

/** Turns both into tables where the request's prototype is not Node's own. Nothing else about them changes. */
export function settleShapes(request: IncomingMessage, response: ServerResponse): void {
  if (!needed || Object.getPrototypeOf(request) === IncomingMessage.prototype) return;
  // Taken away and put back: properties that Node sets early on all of them, and nobody else.
  const { httpVersionMinor } = request;
  delete (request as Partial<IncomingMessage>).httpVersionMinor;
  request.httpVersionMinor = httpVersionMinor;
  const { sendDate } = response;
  delete (response as Partial<ServerResponse>).sendDate;
  response.sendDate = sendDate;
}
