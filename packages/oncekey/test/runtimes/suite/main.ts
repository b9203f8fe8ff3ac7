/** The suite on Node, Bun and Deno: prints its report. */
import { reportLine } from './suite.ts';

process.stdout.write(`${await reportLine()}\n`);
