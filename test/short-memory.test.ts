// Records remembered for a moment: what must never be remembered.
import test from 'ava';
import { ShortMemory } from '../src/short-memory.ts';

const limits = { max: 10, isShared: false };

test('a record is read once, and again after a change', async (t) => {
  const memory = new ShortMemory<{ version: number }>(limits);
  let reads = 0;
  const read = async () => ({ version: ++reads });
  t.deepEqual(await memory.find('a', read), { version: 1 });
  t.deepEqual(await memory.find('a', read), { version: 1 });
  await memory.forget('a');
  t.deepEqual(await memory.find('a', read), { version: 2 });
});

test('what another process changes counts within a second', async (t) => {
  let now = 0;
  const memory = new ShortMemory<{ version: number }>(limits, () => now);
  let reads = 0;
  const read = async () => ({ version: ++reads });
  await memory.find('a', read);
  now = 799;
  t.deepEqual(memory.recall('a'), { version: 1 });
  t.deepEqual(await memory.find('a', read), { version: 1 });
  now = 800;
  t.is(memory.recall('a'), undefined);
  t.deepEqual(await memory.find('a', read), { version: 2 });
});

test('a reading that a change overtook is not remembered', async (t) => {
  const memory = new ShortMemory<{ state: string }>(limits);
  let answer = (_: { state: string }) => {};
  const overtaken = memory.find('a', () => new Promise((resolve) => (answer = resolve)));
  await memory.forget('a');
  answer({ state: 'before' });
  t.deepEqual(await overtaken, { state: 'before' });
  t.deepEqual(await memory.find('a', async () => ({ state: 'after' })), { state: 'after' });
});

test('that there is no record is remembered too, drives none out, and is forgotten after a change', async (t) => {
  const memory = new ShortMemory<object>({ max: 1, isShared: false });
  const nothing = async () => undefined;
  const record = await memory.find('a', async () => ({}));
  t.is(await memory.find('b', nothing), undefined);
  t.is(await memory.find('b', () => t.fail() as never), undefined);
  t.is(await memory.find('a', nothing), record);
  await memory.forget('b');
  t.deepEqual(await memory.find('b', async () => ({ made: 1 })), { made: 1 });
});

test('that there was no record before a change is not remembered', async (t) => {
  const memory = new ShortMemory<object>(limits);
  let answer = (_: undefined) => {};
  const overtaken = memory.find('a', () => new Promise((resolve) => (answer = resolve)));
  await memory.forget('a');
  answer(undefined);
  t.is(await overtaken, undefined);
  t.deepEqual(await memory.find('a', async () => ({})), {});
});
