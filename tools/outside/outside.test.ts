/** A group's name must be one; installing is shown by whatever uses a group (it asks the registry). */
import { expect, test } from 'vitest';
import { outside } from './outside.js';

test('a group that is not there is refused with those that are', async () => {
  await expect(outside('nothing')).rejects.toThrow(/no group is named nothing; there are .*bullmq/);
});
