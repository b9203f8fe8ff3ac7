/** `oncekey gateway` as a child of the till: it ends when the till has gone, however that came about. */
process.once('disconnect', () => process.exit());
process.channel?.unref();
await import('../../packages/cli/bin/oncekey.js');
