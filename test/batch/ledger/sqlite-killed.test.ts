import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openLedgerReadOnly } from '../../../src/batch/ledger/open-ledger.ts';
import { codeOf } from '../../support/code-of.ts';
import { ledgerDirectory, openQuick } from '../../support/ledger-file.ts';
import { longPlan, packed, PROFILE, result } from '../../support/ledger-items.ts';
import { seeded } from '../../support/random.ts';

const WRITER = fileURLToPath(new URL('../../support/workers/ledger-writer.ts', import.meta.url));
const KILLS = 8;

function startWriter(path: string, worker: string): ChildProcess {
  const args = ['--import', 'tsx', WRITER, path, worker];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Kills the writer some time after it has printed so many lines; answers all that it has printed. */
async function killedAfter(writer: ChildProcess, lines: number, moreMs: number): Promise<string[]> {
  const printed: string[] = [];
  for await (const line of createInterface({ input: writer.stdout! })) {
    printed.push(line);
    if (printed.length === lines) void setTimeout(moreMs).then(() => writer.kill('SIGKILL'));
  }
  if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
  return printed;
}

test('what was durable outlives kill -9 in the middle of writes, again and again', async () => {
  using dir = ledgerDirectory();
  const path = dir.path('batch.ledger');
  const random = seeded(8);
  const done = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const printed = await killedAfter(startWriter(path, `w${kill}`), 1 + random.below(150), random.below(20));
    for (const key of printed) if (key !== 'open') done.add(key);
    await using ledger = await openLedgerReadOnly(path);
    const rows = new Map((await ledger.items()).map((row) => [row.item.key, row]));
    expect(rows.size).toBe(2000);
    for (const key of done) expect(rows.get(key)).toMatchObject({ state: 'done', result: { sent: 1 } });
    const events = await ledger.events(0);
    const told = events.filter(({ type }) => type === 'done').map(({ key }) => key!);
    expect(new Set(told).size).toBe(told.length);
    expect(told.toSorted()).toEqual(
      [...rows.values()].flatMap(({ item, state }) => (state === 'done' ? item.key : [])).toSorted(),
    );
  }
  expect(done.size).toBeGreaterThan(KILLS);
  await using ledger = await openQuick(path);
  await ledger.open(longPlan());
  expect((await ledger.summary()).counts.blob.claimed.items).toBe(0);
  for (const kind of ['blob', 'image'] as const) {
    for (let claims = await ledger.claim('w', [kind], 100, 1000); claims.length > 0;) {
      await Promise.all(
        claims.map(({ token, item }) => ledger.complete(token, result(kind === 'blob' ? item.key : null, 1))),
      );
      claims = await ledger.claim('w', [kind], 100, 1000);
    }
  }
  const { counts, sent } = await ledger.summary();
  expect([counts.blob.done.items, counts.image.done.items, sent]).toEqual([1000, 1000, 2000]);
  expect(await ledger.blobResults()).toHaveLength(1000);
  expect(await ledger.blobResult(longPlan().items[5]!.blob!.digest, PROFILE)).toEqual(packed('b5'));
});

test('a ledger that another process works on is refused with the name of that process, until it dies', async () => {
  using dir = ledgerDirectory();
  const path = dir.path('batch.ledger');
  const writer = startWriter(path, 'w');
  try {
    await once(writer.stdout!, 'data');
    writer.stdout!.resume();
    const refused = openQuick(path);
    await expect(refused).rejects.toMatchObject({
      code: 'LEDGER_IN_USE',
      message: expect.stringContaining('--ledger'),
      details: { path, holder: expect.stringContaining(`process ${writer.pid} on `) },
    });
    await using reader = await openLedgerReadOnly(path);
    expect((await reader.plan())?.items).toHaveLength(2000);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    await using ledger = await openQuick(path);
    expect(await codeOf(ledger.open(longPlan()))).toBe('no error');
  } finally {
    writer.kill('SIGKILL');
  }
});
