import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../../src/bench/report.ts';
import { CliLab } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';

const TINY = ['--size', '1MB', '--images', '2', '--rounds', '1'];

describe('bench', () => {
  it('measures every scenario on made-up images, and says what was found', async () => {
    await using lab = new CliLab();
    const [json, html] = [lab.path('bench.json'), lab.path('bench.html')];
    const args = ['bench', ...TINY, '--threads', '1,2', '--compression', 'none,zstd', '--json', json, '--html', html];
    const { code, stdout, stderr } = await lab.run(...args);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('register none, layermill, 2 threads, round 1') as string,
    ]);
    const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
    expect(report).toMatchObject({ format: 1, rounds: 1, peers: [], cache: { wanted: 'warm' } });
    expect(report.corpus).toMatchObject({ images: 2, layers: 5, description: 'synthetic, 1 MB, seed 1' });
    expect(report.cases.map(({ scenario, packing }) => [scenario, packing])).toEqual([
      ...['none', 'zstd:3'].map((packing) => ['register', packing]),
      ['create', null],
      ['diff', null],
      ...['none', 'zstd:3'].map((packing) => ['layer', packing]),
      ...['none', 'zstd:3'].map((packing) => ['export', packing]),
      ...['none', 'zstd:3'].map((packing) => ['copy', packing]),
    ]);
    for (const { work, entrants } of report.cases) {
      expect(Math.min(work.bytes, work.entries, work.images)).toBeGreaterThan(0);
      expect(entrants.map(({ tool, threads }) => [tool, threads])).toEqual([
        ['layermill', 1],
        ['layermill', 2],
      ]);
      expect(entrants.every(({ samples, failure }) => samples.length === 1 && failure === null)).toBe(true);
      expect(entrants[0]!.outBytes).toBe(entrants[1]!.outBytes);
    }
    expect(report.best.threads).toBeGreaterThan(0);
    const text = stdout.toString();
    expect(text).toMatch(/^WORK +TOOL +SECONDS +MIN–MAX +MB\/s/m);
    expect(text).toContain('Best for this machine\n  Use --threads ');
    expect(text).toMatch(/layermill --root RUN\/store --threads 2 .* import docker-archive:WORK\/corpus\.tar/);
    expect(readFileSync(html, 'utf8')).toContain('<h1>layermill bench</h1>');
    expect(lab.leftOvers()).toEqual([]);
  });

  it('takes images of a person as they are, and a directory to work in', async () => {
    await using lab = new CliLab();
    const layer = fixtureLayer({ 'etc/name': 'x', 'bin/sh': '#!' }, 'gzip');
    writeArchiveFile(lab.path('a.tar'), dockerArchiveFiles([fixtureImage([layer], { names: ['a:1'] })]));
    const work = lab.path('work');
    const { lines } = await lab.run(
      'bench',
      '--format',
      'json',
      lab.path('a.tar'),
      '--rounds',
      '1',
      '--threads',
      '1',
      '--scenario',
      'register,export',
      '--compression',
      'zstd',
      '--level',
      '1,9',
      '--work',
      work,
    );
    const [report] = lines as BenchReport[];
    expect(report!.corpus).toMatchObject({ images: 1, layers: 1, entries: 2, description: lab.path('a.tar') });
    expect(report!.cases.map(({ scenario, packing }) => [scenario, packing])).toEqual([
      ['register', null],
      ['export', 'zstd:1'],
      ['export', 'zstd:9'],
    ]);
    expect(report!.work.path.startsWith(work)).toBe(true);
    expect(readdirSync(work)).toEqual([]);
  });

  it('compares with an older report, and not with one of other images', async () => {
    await using lab = new CliLab();
    const args = ['bench', ...TINY, '--threads', '1', '--scenario', 'layer', '--compression', 'none'];
    await lab.run(...args, '--json', lab.path('old.json'));
    const again = await lab.run(...args, '--compare', lab.path('old.json'));
    expect(again.code).toBe(0);
    expect(again.stdout.toString()).toMatch(
      /layer none +layermill, 1 thread +[\d.]+ +[\d.]+ +[\d.]+ × +1\.000 × +too few rounds to say/,
    );
    const other = await lab.run(...args, '--seed', '2', '--compare', lab.path('old.json'));
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('measured other images') as string]);
  });

  it('hands driver and settings on, and tells what goes wrong in a run', async () => {
    await using lab = new CliLab();
    writeFileSync(lab.path('settings.json'), JSON.stringify({ limits: { entries: 1 } }));
    const args = ['bench', ...TINY, '--threads', '1', '--scenario', 'layer'];
    const limited = await lab.run(...args, '--config', lab.path('settings.json'));
    expect([limited.code, limited.stderr]).toEqual([3, expect.stringContaining('more than the limit') as string]);
    const unknown = await lab.run(...args, '--driver', 'zfs');
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('zfs') as string]);
    expect(lab.leftOvers()).toEqual([]);
  });

  it.each([
    [['--scenario', 'verify'], '--scenario'],
    [['--threads', '0'], '--threads'],
    [['--size', 'much'], '--size'],
    [['--rounds', '0'], '--rounds'],
    [['--compare', 'missing.json'], 'missing.json'],
    [['nothing.tar'], 'nothing.tar'],
  ])('refuses %j', async (args, named) => {
    await using lab = new CliLab();
    const { code, stderr } = await lab.run('bench', ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(named) as string]);
    expect(lab.leftOvers()).toEqual([]);
  });
});
