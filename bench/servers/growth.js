/** One store of the library on a place of its own, to be filled, measured and swept. */
import { sqlite } from 'oncekey/sqlite';
import { contenderOf, serve } from '../harness/contender.js';

/** By name: opens the store at a place. A store on a server makes its tables anew when it is told to open. */
const stores = new Map([['sqlite', (/** @type {string} */ place) => contenderOf(sqlite(place), async () => {})]]);

const [, , name, place] = /** @type {[string, string, string, string]} */ (process.argv);
const open = stores.get(name);
if (open === undefined) throw new Error(`no store is named ${name}`);
serve(open(place));
