/** Progress on standard error: a bar where it is a terminal, one line a title where it is not. */

const width = 30;

/** Shows how far `title` is; `step` after each of `steps`, `end` in any case. */
export function progress(title: string, steps: number): { step(): void; end(): void } {
  const live = process.stderr.isTTY === true;
  let done = 0;
  if (!live) process.stderr.write(`${title} …\n`);
  return {
    step() {
      done += 1;
      if (!live) return;
      const full = Math.round((done / steps) * width);
      process.stderr.write(`\r${'█'.repeat(full)}${'░'.repeat(width - full)} ${title}: ${done} of ${steps}\u001b[K`);
    },
    end() {
      if (live) process.stderr.write('\r\u001b[K');
    },
  };
}
