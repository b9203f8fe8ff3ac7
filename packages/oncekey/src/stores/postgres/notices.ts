/**
 * Notices between processes over LISTEN and NOTIFY, on a connection that the user gives for
 * it: a pooler between transactions would lose them. Hints only; whoever misses one finds
 * the change by asking.
 */

/** A client of `pg` that is kept for listening. */
export interface NotificationClient {
  query(text: string): Promise<unknown>;
  on(event: 'notification', heard: (message: { channel: string; payload?: string | undefined }) => void): unknown;
  on(event: 'end', heard: () => void): unknown;
  off(event: 'notification', heard: (message: { channel: string; payload?: string | undefined }) => void): unknown;
}

/** The tag of `postgres`, or a PGlite. */
export interface ChannelListener {
  listen(
    channel: string,
    heard: (payload: string) => void,
  ): Promise<(() => Promise<unknown>) | { unlisten(): Promise<unknown> }>;
}

/** What notices can be heard on. */
export type PostgresListener = NotificationClient | ChannelListener;

/** Hears what is said on the channel until the returned function is called; `ended` tells that nothing will be heard any more. */
export async function listenOn(
  listener: PostgresListener,
  channel: string,
  heard: (payload: string) => void,
  ended: () => void,
): Promise<() => Promise<unknown>> {
  if ('listen' in listener) {
    const listening = await listener.listen(channel, heard);
    return typeof listening === 'function' ? () => listening() : () => listening.unlisten();
  }
  const hear = (message: { channel: string; payload?: string | undefined }): void => {
    if (message.channel === channel) heard(message.payload ?? '');
  };
  listener.on('notification', hear);
  listener.on('end', ended);
  await listener.query(`LISTEN "${channel}"`);
  return async () => {
    listener.off('notification', hear);
    await listener.query(`UNLISTEN "${channel}"`);
  };
}
