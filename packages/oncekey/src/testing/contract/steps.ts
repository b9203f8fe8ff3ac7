/** The contract of steps: only the owner saves them, and they survive him. */
import assert from 'node:assert/strict';
import { sameBytes, short, type CaseDefinition } from './case.ts';

/** Cases of `saveStep`. */
export const stepCases: readonly CaseDefinition[] = [
  {
    id: 'step-owner',
    name: 'a step of the owner is in the record',
    async run(t) {
      const ask = await t.inProgress();
      await t.step(ask, 'charge', Uint8Array.of(7, 0, 255));
      const { steps } = await t.read(ask);
      assert.equal(steps.length, 1);
      assert.equal(steps[0]?.name, 'charge');
      sameBytes(steps[0]?.bytes, Uint8Array.of(7, 0, 255));
    },
  },
  {
    id: 'step-order',
    name: 'steps come in the order saved',
    async run(t) {
      const ask = await t.inProgress();
      for (const name of ['z', 'a', 'm', '10', '9']) await t.step(ask, name, Uint8Array.of(1));
      assert.deepEqual(
        (await t.read(ask)).steps.map(({ name }) => name),
        ['z', 'a', 'm', '10', '9'],
      );
    },
  },
  {
    id: 'step-same-name',
    name: 'a second save of a name replaces the first',
    async run(t) {
      const ask = await t.inProgress();
      await t.step(ask, 'charge', Uint8Array.of(1));
      await t.step(ask, 'charge', Uint8Array.of(2, 3));
      const { steps } = await t.read(ask);
      assert.equal(steps.length, 1);
      sameBytes(steps[0]?.bytes, Uint8Array.of(2, 3));
    },
  },
  {
    id: 'step-names-differ-in-case',
    name: 'names that differ in case or space are two steps',
    async run(t) {
      const ask = await t.inProgress();
      for (const name of ['Charge', 'charge', 'charge ']) await t.step(ask, name, Uint8Array.of(1));
      assert.equal((await t.read(ask)).steps.length, 3);
    },
  },
  {
    id: 'step-odd-names',
    name: 'names of any characters come back as they were',
    async run(t) {
      const ask = await t.inProgress();
      const names = ['__proto__', 'constructor', 'größe/чек/支払い 💳', 'a\'b"c\\d', '%s; --', 'a.b[0]'];
      for (const name of names) await t.step(ask, name, Buffer.from(name));
      const { steps } = await t.read(ask);
      assert.deepEqual(
        steps.map(({ name }) => name),
        names,
      );
      assert.deepEqual(
        steps.map(({ bytes }) => Buffer.from(bytes).toString()),
        names,
      );
    },
  },
  {
    id: 'step-empty-bytes',
    name: 'a step without bytes is a step',
    async run(t) {
      const ask = await t.inProgress();
      await t.step(ask, 'nothing', new Uint8Array());
      const { steps } = await t.read(ask);
      sameBytes(steps[0]?.bytes, new Uint8Array());
    },
  },
  {
    id: 'step-empty-bytes-again',
    name: 'several steps without bytes, one after the other, are steps that the next attempt is handed',
    async run(t) {
      // As a work saves what returned nothing: the same empty bytes each time, in memory of their own.
      const nothing = new Uint8Array(new ArrayBuffer(0));
      const ask = await t.abandoned();
      for (const name of ['mail', 'log', 'mail']) await t.step(ask, name, nothing);
      const { steps } = await t.grant(t.other(ask), 2);
      assert.deepEqual(
        steps.map(({ name, bytes }) => [name, bytes.byteLength]),
        [
          ['mail', 0],
          ['log', 0],
        ],
      );
    },
  },
  {
    id: 'step-large',
    name: 'a step of 256 KiB comes back byte for byte',
    async run(t) {
      const bytes = t.random.bytes(256 * 1024);
      const ask = await t.inProgress();
      await t.step(ask, 'large', bytes);
      sameBytes((await t.read(ask)).steps[0]?.bytes, bytes);
    },
  },
  {
    id: 'step-many',
    name: 'a hundred steps come back',
    async run(t) {
      const ask = await t.inProgress();
      const names = Array.from({ length: 100 }, (_, index) => `step-${index}`);
      for (const name of names) await t.step(ask, name, Buffer.from(name));
      assert.deepEqual(
        (await t.read(ask)).steps.map(({ name }) => name),
        names,
      );
    },
  },
  {
    id: 'step-late',
    name: 'a late owner whom nobody replaced may save a step',
    async run(t) {
      const ask = await t.abandoned();
      await t.step(ask, 'late', Uint8Array.of(1));
      assert.equal((await t.grant(t.other(ask), 2)).steps.length, 1);
    },
  },
  {
    id: 'step-stranger',
    name: 'a stranger saves no step',
    async run(t) {
      const ask = await t.inProgress();
      await t.unchanged(ask, () => t.step({ ...ask, token: t.token() }, 'charge', Uint8Array.of(1), 'lost'));
    },
  },
  {
    id: 'step-stranger-replaces-nothing',
    name: "a stranger does not replace the owner's step",
    async run(t) {
      const ask = await t.inProgress();
      await t.step(ask, 'charge', Uint8Array.of(1));
      await t.unchanged(ask, () => t.step({ ...ask, token: t.token() }, 'charge', Uint8Array.of(2), 'lost'));
    },
  },
  {
    id: 'step-replaced',
    name: 'a replaced owner saves no step',
    async run(t) {
      const ask = await t.abandoned();
      await t.grant(t.other(ask), 2);
      await t.unchanged(ask, () => t.step(ask, 'stale', Uint8Array.of(1), 'lost'));
    },
  },
  {
    id: 'step-absent',
    name: 'a step of an absent record is lost and makes none',
    async run(t) {
      const ask = t.ask();
      await t.step(ask, 'charge', Uint8Array.of(1), 'lost');
      await t.expectState(ask, 'absent');
    },
  },
  {
    id: 'step-completed',
    name: 'a completed record takes no step (I2)',
    async run(t) {
      const ask = await t.completed();
      await t.unchanged(ask, () => t.step(ask, 'late', Uint8Array.of(1), 'lost'));
    },
  },
  {
    id: 'step-revision',
    name: 'a step does not raise the revision and does not renew the lease',
    async run(t) {
      const ask = await t.inProgress({ leaseMs: short });
      const { revision } = await t.read(ask);
      await t.step(ask, 'charge', Uint8Array.of(1));
      await t.passShort();
      const after = await t.read(ask);
      assert.deepEqual([after.revision, after.state], [revision, 'abandoned']);
    },
  },
  {
    id: 'step-over-attempts',
    name: 'steps of several attempts add up',
    async run(t) {
      const ask = await t.open();
      const second = t.other(ask);
      await t.grant(second, 2);
      await t.step(second, 'second', Uint8Array.of(2));
      await t.release(second, 'released');
      const { steps } = await t.grant(t.other(ask), 3);
      assert.deepEqual(
        steps.map(({ name }) => name),
        ['first', 'second'],
      );
    },
  },
  {
    id: 'step-gone-with-record',
    name: 'steps are gone with their record',
    async run(t) {
      const ask = await t.open({}, short);
      await t.passShort();
      await t.grant(t.other(ask), 1);
      assert.deepEqual([...(await t.read(ask)).steps], []);
    },
  },
  {
    id: 'step-two-records',
    name: 'steps of one name in two records are two',
    async run(t) {
      const [one, two] = [await t.inProgress(), await t.inProgress()];
      await t.step(one, 'charge', Uint8Array.of(1));
      await t.step(two, 'charge', Uint8Array.of(2));
      sameBytes((await t.read(one)).steps[0]?.bytes, Uint8Array.of(1));
    },
  },
];
