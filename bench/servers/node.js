/** A node:http server with one handler, `bare` or, as the argument says, behind the library over memory. */
import { serveNode } from './serve-node.js';

await serveNode(process.argv[2] === 'bare' ? undefined : async () => (await import('oncekey')).memory());
