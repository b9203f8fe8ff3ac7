/**
 * The demo told for people: colours, bars and pauses where standard output is a terminal,
 * the same words as plain lines where it is not. Lines fit the terminal's width, from
 * 72 columns on and never wider than 100.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import picocolors from 'picocolors';
import { allHeld, type ActReport, type Bar, type Narrator } from './narrator.ts';
import type { Reply } from './till.ts';

/** Where the words go. */
export interface Screen {
  write(text: string): void;
  /** Whether lines may be redrawn and coloured, and somebody needs time to read. */
  readonly live: boolean;
  readonly columns: number;
}

type Colors = ReturnType<typeof picocolors.createColors>;

const breathMs = 500;
const leftColumn = 36;

/** A narrator for `screen`. */
export function terminalNarrator(screen: Screen): Narrator {
  const colors = picocolors.createColors(screen.live && picocolors.isColorSupported);
  const width = Math.max(72, Math.min(screen.columns, 100)) - 4;
  const line = (text = ''): void => screen.write(text === '' ? '\n' : `  ${text}\n`);
  const paragraph = (text: string): void => {
    for (const part of wrap(text, width)) line(part);
  };
  return {
    opening(lines) {
      line();
      for (const text of lines) line(text);
    },
    act(number, title, story) {
      line();
      line(`${colors.bold(colors.cyan(String(number)))}  ${colors.bold(title)}`);
      line();
      paragraph(story);
      line();
    },
    say(text) {
      line();
      paragraph(text);
    },
    note: (text) => line(colors.magenta(`× ${text}`)),
    exchange(what, reply) {
      line(`${colors.dim('→')} ${what.padEnd(leftColumn)} ${describe(reply, colors)}`);
    },
    chart: (bars) => drawChart(bars, width, colors, line),
    meter: () => (screen.live ? liveMeter(screen, colors) : { at() {}, end() {} }),
    report(report) {
      line();
      for (const { expect, held, saw } of report.expectations) {
        line(held ? `${colors.green('✓')} ${expect}` : `${colors.red('✗')} ${expect} ${colors.red(`(saw ${saw})`)}`);
      }
    },
    summary: (reports) => drawSummary(reports, colors, line),
    staying(gatewayUrl, authorization) {
      line(colors.bold('It stays up: try it from another terminal. Ctrl-C ends it.'));
      line();
      line(`curl -i ${gatewayUrl}/charges \\`);
      line(`  -H 'Authorization: ${authorization}' -H 'Idempotency-Key: "coffee-1"' \\`);
      line(`  -H 'Content-Type: application/json' \\`);
      line(`  -d '{"order":"coffee-1","amount":350,"currency":"EUR"}'`);
      line();
      paragraph('Send it again: the same charge comes back, and the head of the answer says so:');
      line(`  ${colors.green('Idempotent-Replayed: true')}`);
      line();
      paragraph('Change the amount and keep the key: 422. What the API has charged so far:');
      line(`  curl ${gatewayUrl}/charges`);
      line();
    },
    breath: () => (screen.live ? sleep(breathMs) : Promise.resolve()),
  };
}

function describe(reply: Reply | null, colors: Colors): string {
  if (reply === null) return colors.yellow('connection lost, no answer');
  if (reply.chargeId === null) return colors.yellow(`${reply.status} ${reply.code ?? reply.body.trim().slice(0, 30)}`);
  const marker = reply.replayed ? colors.dim('  Idempotent-Replayed: true') : '';
  return colors.green(`${reply.status} ${reply.chargeId}`) + marker;
}

function drawChart(bars: readonly Bar[], width: number, colors: Colors, line: (text: string) => void): void {
  const label = Math.max(...bars.map((bar) => bar.label.length));
  const most = Math.max(...bars.map((bar) => bar.count), 1);
  const room = Math.min(width - label - 8, 60);
  for (const bar of bars) {
    const length = bar.count === 0 ? 0 : Math.max(1, Math.round((bar.count / most) * room));
    line(`${bar.label.padEnd(label)}  ${colors.cyan('█'.repeat(length))} ${bar.count}`);
  }
}

function liveMeter(screen: Screen, colors: Colors): { at(fraction: number, text: string): void; end(): void } {
  const room = 30;
  return {
    at(fraction, text) {
      const full = Math.round(Math.max(0, Math.min(1, fraction)) * room);
      const bar = colors.cyan('█'.repeat(full)) + colors.dim('░'.repeat(room - full));
      screen.write(`\r  ${bar} ${text}\u001b[K`);
    },
    end: () => screen.write('\r\u001b[K'),
  };
}

function drawSummary(reports: readonly ActReport[], colors: Colors, line: (text?: string) => void): void {
  const row = (name: string, ...cells: readonly (string | number)[]): string =>
    name.padEnd(leftColumn) + cells.map((cell) => String(cell).padStart(10)).join('');
  const sum = (pick: (report: ActReport) => number): number => reports.reduce((total, act) => total + pick(act), 0);
  line();
  line(colors.bold(row('', 'orders', 'requests', 'charges')));
  for (const { title, orders, requests, charges } of reports) line(row(title, orders, requests, charges));
  line(colors.dim('─'.repeat(leftColumn + 30)));
  const totals = [sum((act) => act.orders), sum((act) => act.requests), sum((act) => act.charges)];
  line(colors.bold(row('', ...totals)));
  line();
  if (allHeld(reports)) {
    line(`${colors.green('✓')} Every order that was accepted is charged once, however often it was sent.`);
  } else {
    for (const { title, expectations } of reports) {
      for (const { expect, held, saw } of expectations) {
        if (!held) line(`${colors.red('✗')} ${title}: expected ${expect}, saw ${saw}`);
      }
    }
  }
  line();
}

/** Breaks `text` at spaces into lines of at most `width` characters. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}
