import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Contest, Contestant } from '../../src/bench/contest.ts';
import { openDiscards } from '../../src/bench/discard.ts';
import { measure } from '../../src/bench/measure.ts';
import { failureOf } from '../../src/bench/ours.ts';
import { openPageCache } from '../../src/bench/page-cache.ts';
import { runContest } from '../../src/bench/run-contest.ts';
import type { BenchCase } from '../../src/bench/report.ts';
import { codeOf } from '../support/code-of.ts';

const node = (script: string): { args: string[] } => ({ args: [process.execPath, '-e', script] });
const program = { label: 'layermill', command: [process.execPath], options: [] };

function contestant(fields: Partial<Contestant>): Contestant {
  return {
    tool: 'layermill',
    threads: 1,
    differs: null,
    commands: () => [node('console.log("made")')],
    outcome: (_run, [printed]) => Promise.resolve({ outBytes: null, fingerprint: printed! }),
    ...fields,
  };
}

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'layermill-contest-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function run(entrants: Contestant[], signal?: AbortSignal): Promise<BenchCase> {
  const contest: Contest = {
    scenario: 'register',
    packing: null,
    work: { bytes: 1, entries: 1, images: 1 },
    inputs: [],
    entrants,
  };
  return runContest(contest, {
    work,
    rounds: 2,
    programs: [program],
    cache: openPageCache('warm', work, []),
    discards: openDiscards(work, Infinity),
    signal,
    onChange: () => {},
  });
}

describe('a contest', () => {
  it('asks everyone in turn, in a new directory each time, and takes it away', async () => {
    const order: string[] = [];
    const noting = (name: string): Contestant =>
      contestant({
        tool: name,
        commands: (dir) => {
          order.push(`${name} ${readdirSync(dir).length}`);
          return [node(`require('fs').writeFileSync(${JSON.stringify(join(dir, 'out'))}, 'x')`)];
        },
      });
    const { entrants } = await run([noting('a'), noting('b')]);
    expect(order).toEqual(['a 0', 'b 0', 'a 0', 'b 0']);
    expect(entrants.map(({ samples }) => samples.length)).toEqual([2, 2]);
    expect(entrants[0]!.commands[0]).toContain('RUN/out');
    expect(readdirSync(work)).toEqual([]);
  });

  it('ends when ours makes other bytes with other threads, or in another round', async () => {
    const other = contestant({ threads: 2, commands: () => [node('console.log("other")')] });
    expect(await codeOf(run([contestant({}), other]))).toBe('RESULTS_DIFFER');
    let round = 0;
    const moody = contestant({ commands: () => [node(`console.log(${round++})`)] });
    expect(await codeOf(run([moody]))).toBe('RESULTS_DIFFER');
  });

  it('ends when a peer made something else, and not when it has no word for it', async () => {
    const saying = (tool: string, meaning: string | null): Contestant =>
      contestant({ tool, meaning: () => Promise.resolve(meaning) });
    await run([saying('layermill', 'same'), saying('peer', 'same'), saying('silent', null)]);
    expect(await codeOf(run([saying('layermill', 'same'), saying('peer', 'other')]))).toBe('RESULTS_DIFFER');
  });

  it('a peer that fails is out, with the reason', async () => {
    const failing = contestant({
      tool: 'peer',
      commands: () => [node('console.error("first\\nno such luck"); process.exit(7)')],
    });
    const { entrants } = await run([contestant({}), failing]);
    expect(entrants[0]!.samples).toHaveLength(2);
    expect(entrants[1]).toMatchObject({ samples: [], failure: 'exit code 7: no such luck' });
  });

  it('our own failure is told as it was', async () => {
    const line = JSON.stringify({ error: { code: 'NO_SPACE', message: 'full', details: {} } });
    const failing = contestant({ commands: () => [node(`console.log(${JSON.stringify(line)}); process.exit(6)`)] });
    expect(await codeOf(run([failing]))).toBe('NO_SPACE');
    expect(failureOf(program, '', 'killed', null)).toMatchObject({ code: 'INTERNAL' });
    expect(failureOf(program, '{"error":{"code":"NOBODY_KNOWS"}}', '', 1)).toMatchObject({ code: 'INTERNAL' });
  });

  it('undoes what was begun, whatever happens', async () => {
    const done: string[] = [];
    const tidy = contestant({
      begin: () => Promise.resolve(void done.push('begin')),
      end: () => Promise.resolve(void done.push('end')),
      afterRun: () => Promise.resolve(void done.push('after')),
      outcome: () => Promise.reject(new Error('unreadable')),
    });
    await expect(run([tidy])).rejects.toThrow('unreadable');
    expect(done).toEqual(['begin', 'after', 'end']);
  });

  it('stops when it is interrupted', async () => {
    const controller = new AbortController();
    const endless = contestant({
      commands: () => {
        setTimeout(() => controller.abort(), 100);
        return [node('setInterval(() => {}, 1000)')];
      },
    });
    expect(await codeOf(run([endless], controller.signal))).toBe('CANCELLED');
    expect(readdirSync(work)).toEqual([]);
  });
});

describe('measuring', () => {
  it.skipIf(process.platform !== 'linux')('sees time, CPU and memory of the process and its children', async () => {
    const busy = 'const b = Buffer.alloc(150e6, 1); for (let i = 0; i < 20; i++) b.fill(i)';
    const child = `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(busy)}])`;
    const { sample, code } = await measure(node(child), undefined);
    expect(code).toBe(0);
    expect(sample.seconds).toBeGreaterThan(0);
    expect(sample.cpuSeconds).toBeGreaterThan(0.05);
    expect(sample.peakBytes).toBeGreaterThan(150e6);
  });

  it('writes to a file as a shell does', async () => {
    const stdout = join(work, 'out');
    writeFileSync(stdout, 'something longer that was there');
    await measure({ ...node('console.log("text")'), stdout }, undefined);
    expect((await measure({ args: ['cat', stdout] }, undefined)).stdout).toBe('text\n');
    rmSync(stdout);
  });
});
