/** A worker that is killed between effect and acknowledgement: it says that the work is done, and never settles. */

/** Takes like `take`, and hangs where `hang` says so. */
export function hung(take, hang) {
  if (!hang) return take;
  return async (message) => {
    const { kind } = await take(message);
    process.stdout.write(`${kind}\n`);
    return new Promise(() => {});
  };
}
