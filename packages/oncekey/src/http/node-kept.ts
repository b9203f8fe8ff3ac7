/**
 * Facts of a captured Node response that its capture knows better while it holds something
 * back: that the head is sent, and that the answer is ended, as far as the handler knows.
 * They are told only once there is something to tell, which most responses never come to.
 */
import type { ServerResponse } from 'node:http';
import type { Capture, Captured } from './node-capture.ts';

/** Lets the response tell what its captures keep. */
export function tellKept(response: ServerResponse): void {
  if (Object.hasOwn(response, 'headersSent')) return;
  Object.defineProperty(response, 'headersSent', headersSent);
  Object.defineProperty(response, 'writableEnded', writableEnded);
}

const headersSent = told('headersSent', (own) => own.headKept);
const writableEnded = told('writableEnded', (own) => own.endKept);

function told(name: 'headersSent' | 'writableEnded', kept: (own: Capture) => boolean): PropertyDescriptor {
  return {
    configurable: true,
    get(this: Captured): unknown {
      for (let own = this.oncekeyCapture; own !== undefined; own = own.outer) if (kept(own)) return true;
      return Reflect.get(Object.getPrototypeOf(this) as object, name, this);
    },
  };
}
