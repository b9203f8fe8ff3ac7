/** Who a server runs as: some refuse root, and root is what tests are in a container. */

/** `name` when we are root, else undefined: the server runs as we do. */
export function userFor(name: string): string | undefined {
  return process.getuid?.() === 0 ? name : undefined;
}
