// Seals leave the machine: to a file and to a webhook, each once, in order, and again after a failure. What
// has not left is what /metrics says.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportedEvents, readSealLines } from '../../src/cli/read-trail.ts';
import { eventOf, systemOrigin } from '../../src/domain/audit.ts';
import { eventToRecord } from '../../src/domain/trail/audit-record.ts';
import { exportEvents } from '../../src/domain/trail/export-trail.ts';
import { sealReader } from '../../src/domain/trail/seals.ts';
import { checkProof, proveEvent } from '../../src/domain/trail/trail-proof.ts';
import { verifyTrail } from '../../src/domain/trail/verify-trail.ts';
import { sendSeals } from '../../src/upkeep/send-seals.ts';
import { testEachDatabase } from '../helpers/each-database.ts';
import { folderOf } from '../helpers/folders.ts';
import { appendLogouts, newKeys, seal } from '../helpers/trail.ts';

testEachDatabase(
  'seals are sent to file and webhook in order, and again until they arrive',
  async (t, app) => {
    const folder = folderOf(t);
    const file = join(folder, 'seals.txt');
    const received: string[] = [];
    let status = 500;
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        if (status === 200) received.push(...JSON.parse(body).seals);
        response.writeHead(status, { Location: '/elsewhere' }).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    t.teardown(() => receiver.close());
    const webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const keys = await newKeys(t);
    await appendLogouts(app.store, 4);
    const first = await seal(app.store, keys);
    const error = await t.throwsAsync(sendSeals(app.store, { file, webhookUrl }));
    t.is(error?.message, 'SEAL_WEBHOOK_URL answered 500');
    status = 307;
    const redirected = await t.throwsAsync(sendSeals(app.store, { file, webhookUrl }));
    t.is(redirected?.message, 'SEAL_WEBHOOK_URL answered 307');
    t.is(readFileSync(file, 'utf8'), `${first[0]?.jws}\n`);

    status = 200;
    await appendLogouts(app.store, 4);
    const second = await seal(app.store, keys);
    t.is(await sendSeals(app.store, { file, webhookUrl }), 3);
    t.is(await sendSeals(app.store, { file, webhookUrl }), 0);
    const all = [...first, ...second].map(({ jws }) => jws);
    t.deepEqual(received, all);
    t.is(readFileSync(file, 'utf8'), `${all.join('\n')}\n`);
  },
);

testEachDatabase('a line that a crash has cut short spoils no seal after it', async (t, app) => {
  const folder = folderOf(t);
  const file = join(folder, 'seals.txt');
  const keys = await newKeys(t);
  await appendLogouts(app.store, 4);
  const [made] = await seal(app.store, keys);
  const line = `${made?.jws}\n`;
  writeFileSync(file, line.slice(0, 30));
  await sendSeals(app.store, { file, webhookUrl: null });
  t.is(readFileSync(file, 'utf8'), `${line.slice(0, 30)}\n${line}`);
  await t.throwsAsync(readSealLines(file), {
    message: /seals\.txt is not a list of seals, one a line: see line 1$/,
  });
  // Nobody but root may read it: then it is written to all the same.
  chmodSync(file, 0o200);
  await appendLogouts(app.store, 1);
  const [next] = await seal(app.store, keys);
  await sendSeals(app.store, { file, webhookUrl: null });
  chmodSync(file, 0o600);
  t.is(readFileSync(file, 'utf8'), `${line.slice(0, 30)}\n${line}${next?.jws}\n`);
});

testEachDatabase(
  'GET /metrics says how much is not sealed, not sent, and due to be purged',
  async (t, app) => {
    const keys = await newKeys(t);
    const caller = await app.addClient({ permissions: ['metrics'] });
    await appendLogouts(app.store, 9);
    await seal(app.store, keys);
    await appendLogouts(app.store, 3);
    const { text } = await app.get('/metrics', caller);
    t.regex(text, /^revocation_audit_unsealed_events 3$/m);
    t.regex(text, /^revocation_audit_unsent_events\{destination="none"\} 13$/m);
    t.regex(text, /^revocation_purge_last_success_seconds 0$/m);
    t.regex(text, /^revocation_upkeep_thread_deaths_total 0$/m);
  },
);

testEachDatabase('an export verifies offline, and names the line that a hand has changed', async (t, app) => {
  const folder = folderOf(t);
  const keys = await newKeys(t);
  await appendLogouts(app.store, 30);
  const seals = await seal(app.store, keys);
  // Node from 24 on would take what is in this name for the end of a line.
  const event = eventOf(systemOrigin, 'logout', { userId: 'two\u2028lines\u2029or three' });
  await app.store.write(() => ({ outcome: undefined, effects: { events: [event] } }));
  await appendLogouts(app.store, 1);
  let text = '';
  for await (const page of exportEvents(app.store, { through: 1000 }, 0, 'ndjson')) text += page;
  const lines = text.trimEnd().split('\n');
  const check = async (lines: readonly string[]) => {
    const file = join(folder, 'export.ndjson');
    writeFileSync(file, `${lines.join('\n')}\n`);
    const readSeal = sealReader(keys.publicKeys());
    return verifyTrail({ events: exportedEvents(file), seals, kept: [], readSeal });
  };
  t.like(await check(lines), { finding: null, events: 32, unsealed: 2 });
  const swapped = [...lines.slice(0, 4), lines[5], lines[4], ...lines.slice(6)] as string[];
  t.like((await check(swapped)).finding, { kind: 'reordered', event: 5 });
  t.like((await check(lines.toSpliced(6, 1))).finding, { kind: 'missing', event: 7 });
  t.like((await check(lines.toSpliced(6, 0, lines[2] as string))).finding, { kind: 'inserted', event: 3 });
  t.like((await check(lines.slice(0, 20))).finding, { kind: 'cut_off', event: 21 });
  const edited = lines.map((line, n) => (n === 8 ? line.replace('user-9', 'user-8') : line));
  t.like((await check(edited)).finding, { kind: 'altered', event: 9 });
  const salted = lines.map((line, n) =>
    n === 8 ? line.replace(/"ip":"[^"]{22}"/, `"ip":"${'A'.repeat(22)}"`) : line,
  );
  t.like((await check(salted)).finding, { kind: 'altered', event: 9 });
  const says = async (changes: object) => {
    const line = JSON.stringify({ ...JSON.parse(lines[8] as string), ...changes });
    return check(lines.toSpliced(8, 1, line));
  };
  t.like(await says({}), { finding: null });
  const message =
    /^line 9 of .* cannot be read: event 9 has other members, or in another form, than an export/;
  for (const changes of [{ approved_by: 'bob' }, { erased: ['ip'] }, { user_id: ['user-9'] }, { count: '1' }])
    await t.throwsAsync(says(changes), { message }, JSON.stringify(changes));
  const { proof } = JSON.parse(lines[8] as string);
  const beside = { erased: ['ip'], proof: { ...proof, commitments: { ip: 'A'.repeat(43) } } };
  t.like((await says(beside)).finding, {
    kind: 'altered',
    event: 9,
    detail: 'what it says was erased is there, or is no personal member',
  });
  const twice = (lines[8] as string).replace('{', '{"user_id":"mallory",');
  await t.throwsAsync(check(lines.toSpliced(8, 1, twice)), {
    message: /^line 9 of .* cannot be read: it is not an event/,
  });
  await t.throwsAsync(check(['{}']), { message: /^line 1 of .* cannot be read: it is not an event/ });
});

testEachDatabase('a proof of one event holds, and for no other event', async (t, app) => {
  const keys = await newKeys(t);
  await appendLogouts(app.store, 11);
  const [made] = await seal(app.store, keys);
  if (!made) throw new Error('nothing was sealed');
  const leaves = await app.store.upkeep.listLeaves(1, 11);
  const readSeal = sealReader(keys.publicKeys());
  for (const seq of [1, 6, 11]) {
    const event = await app.store.findEvent(seq);
    if (!event) throw new Error('no such event');
    const proof = JSON.parse(JSON.stringify(proveEvent(event, leaves, made)));
    t.is(await checkProof(proof, readSeal), null);
    const other = { ...proof, event: { ...proof.event, user_id: 'someone' } };
    t.is(await checkProof(other, readSeal), 'the event is not what was sealed');
    const commitments = { user_id: 'A'.repeat(43) };
    const erased = { ...proof.event, erased: ['user_id'], proof: { ...proof.event.proof, commitments } };
    t.is(await checkProof({ ...proof, event: erased }, readSeal), 'the event is not what was sealed');
    const moved = { ...proof, leaf_index: 2 };
    t.is(await checkProof(moved, readSeal), 'the event is not in the range of the seal');
    const strangers = sealReader((await newKeys(t)).publicKeys());
    t.is(await checkProof(proof, strangers), 'the seal does not hold: none of the keys has signed it');
  }
});

testEachDatabase('a salt that took over the beginning of its value is found out', async (t, app) => {
  const folder = folderOf(t);
  const keys = await newKeys(t);
  const readSeal = sealReader(keys.publicKeys());
  // Whoever chooses these names wants to be able to say later that it was alice.
  const names = { userId: 'mallory.user_id.alice', metadata: { scope: 'all' } };
  const event = eventOf(systemOrigin, 'logout', { ...names, reasonText: 'stolen.reason_text.lost' });
  await app.store.write(() => ({ outcome: undefined, effects: { events: [event] } }));
  const [made] = await seal(app.store, keys);
  const written = await app.store.findEvent(1);
  if (!made || !written) throw new Error('nothing was sealed');
  const leaves = await app.store.upkeep.listLeaves(1, 1);
  const record = JSON.parse(JSON.stringify(eventToRecord(written)));
  const { salts } = record.proof;
  const forgeries = [
    { user_id: 'alice', salts: { ...salts, user_id: `${salts.user_id}.user_id.mallory` } },
    { reason_text: 'lost', salts: { ...salts, reason_text: `${salts.reason_text}.reason_text.stolen` } },
  ];
  for (const { salts: forged, ...values } of forgeries) {
    const line = { ...record, ...values, proof: { ...record.proof, salts: forged } };
    const file = join(folder, 'export.ndjson');
    writeFileSync(file, `${JSON.stringify(line)}\n`);
    const events = exportedEvents(file);
    const report = await verifyTrail({ events, seals: [made], kept: [], readSeal });
    t.like(report.finding, { kind: 'altered', event: 1 });
    const proof = { ...proveEvent(written, leaves, made), event: line };
    t.is(await checkProof(proof, readSeal), 'the event is not what was sealed');
  }
});
