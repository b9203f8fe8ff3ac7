/** Progress on standard error: a bar where it is a terminal, one line a title where it is not. */

/**
 * @param {string} title
 * @param {number} steps
 */
export function progress(title, steps) {
  const live = process.stderr.isTTY === true;
  let done = 0;
  if (!live) process.stderr.write(`${title} …\n`);
  return {
    /** @param {string} what */
    step(what) {
      done += 1;
      if (!live) return;
      const full = Math.round((done / steps) * 30);
      process.stderr.write(`\r${'█'.repeat(full)}${'░'.repeat(30 - full)} ${title}: ${what}\u001b[K`);
    },
    end() {
      if (live) process.stderr.write('\r\u001b[K');
    },
  };
}
