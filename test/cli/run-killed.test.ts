import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLedgerReadOnly } from '../../src/batch/ledger/open-ledger.ts';
import { CliLab, resultOf, stderrLine } from '../support/cli-lab.ts';
import { makeFleet, writeFleet } from '../support/fleet.ts';
import { sha256 } from '../support/packed.ts';
import { seeded } from '../support/random.ts';

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
  writeFleet(makeFleet({ images: 60, layers: 12, layerBytes: 400_000 }), lab.path('fleet'));
});
afterEach(() => lab[Symbol.asyncDispose]());

const KILLS = 6;

function command(destination: string, ledger: string): string[] {
  const packing = ['--dest-compress-format', 'gzip:pako', '--cache', 'none'];
  return ['run', `docker-archive:${lab.path('fleet')}/*.tar`, destination, ...packing, '--ledger', lab.path(ledger)];
}

/** A file, or all files of a directory, by what is in them. */
function contentOf(path: string): string[] {
  const entries = readdirSync(path, { recursive: true, encoding: 'utf8', withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => `${file.slice(path.length)} ${sha256(readFileSync(file))}`)
    .toSorted();
}

describe('a run that is killed', () => {
  it.each(['oci', 'docker-archive'])('at any moment goes on, to the same bytes: %s', async (transport) => {
    for (const name of ['whole', 'killed']) mkdirSync(lab.path(name));
    const to = (name: string): string => `${transport}:${lab.path(`${name}/out`)}`;
    expect((await lab.run(...command(to('whole'), 'whole.ledger'))).code).toBe(0);
    const random = seeded(11);
    let killed = 0;
    for (let attempt = 0; attempt < KILLS; attempt++) {
      const child = lab.start([...command(to('killed'), 'killed.ledger'), '--progress', 'json']);
      const ended = resultOf(child);
      // At a moment of the work, however fast the machine is.
      let left = random.below(4);
      const isMoment = (line: string): boolean => line.includes('"changed":true') || line.includes('"layer-started"');
      await stderrLine(child, (line) => isMoment(line) && left-- <= 0).catch(() => {});
      child.kill('SIGKILL');
      if ((await ended).code === null) killed += 1;
    }
    expect(killed).toBe(KILLS);
    const last = await lab.run(...command(to('killed'), 'killed.ledger'));
    expect([last.code, last.stderr]).toEqual([0, expect.any(String)]);
    expect(contentOf(lab.path('killed'))).toEqual(contentOf(lab.path('whole')));
    expect(readdirSync(lab.path('killed'))).toEqual(['out']);
    // No layer that was done is done again: what was begun more than once was given back by a process that died.
    await using ledger = await openLedgerReadOnly(lab.path('killed.ledger'));
    const events = (await ledger.events(0)).filter(({ kind }) => kind === 'blob');
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    expect(count('done')).toBe(12);
    expect(count('claimed') - count('released')).toBe(12);
  });
});
