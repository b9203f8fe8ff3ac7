/** A node:http server with one handler, `bare` or, as the argument says, behind a page of middleware or the library over memory. */
import { createServer } from 'node:http';
import { serveParent } from './answer.js';
import { onceByHand } from './node-by-hand.js';
import { answerCharge, serveNode } from './serve-node.js';

if (process.argv[2] === 'by-hand') serveParent(createServer(onceByHand(answerCharge)));
else await serveNode(process.argv[2] === 'bare' ? undefined : async () => (await import('oncekey')).memory());
