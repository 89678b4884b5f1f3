import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeReport } from '../../src/batch/report/decode-report.ts';
import { CliLab } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';

/** Two good archives over one layer, and one that is cut short; run to a layout with the ledger `batch.ledger`. */
async function runThree(lab: CliLab): Promise<string[]> {
  const shared = fixtureLayer({ 'etc/os': 'x'.repeat(5000) });
  const sources = ['a', 'b', 'c'].map((name) => {
    const image = fixtureImage([shared, fixtureLayer({ [name]: name })], { names: [`${name}:1`] });
    return writeArchiveFile(lab.path(`${name}.tar`), dockerArchiveFiles([image]));
  });
  writeFileSync(sources[2]!, readFileSync(sources[2]!).subarray(0, 3000));
  const run = ['run', ...sources.map((path) => `docker-archive:${path}`), `oci:${lab.path('out')}`];
  const { code } = await lab.run(...run, '--ledger', lab.path('batch.ledger'));
  expect(code).toBe(3);
  return sources;
}

describe('report', () => {
  it('tells what became of a run, in every form', async () => {
    await using lab = new CliLab();
    const [, , broken] = await runThree(lab);
    const ledger = lab.path('batch.ledger');
    const failed = lab.path('failed.txt');
    const text = await lab.run('report', ledger, '--failed', failed);
    expect([text.code, text.stderr]).toEqual([0, '']);
    expect(text.stdout.toString()).toMatch(/^2 of 3 images done, 1 failed\.\n/);
    expect(text.stdout.toString()).toContain('TAR_TRUNCATED (will not pass by itself): 1 image');
    expect(readFileSync(failed, 'utf8')).toMatch(
      new RegExp(`^# 1 image failed by ${ledger}, .*\n# .*\ndocker-archive:${broken} oci:${lab.path('out')}\n$`),
    );

    const [json] = (await lab.run('report', ledger, '--format', 'json')).lines;
    const report = decodeReport(json, 'stdout');
    expect(report.totals).toMatchObject({ images: { total: 3, done: 2, failed: 1 }, layers: { total: 3, done: 3 } });
    expect(report.images.map(({ equality }) => equality)).toEqual(['manifest', 'manifest', null]);
    expect((await lab.run('--json', 'report', ledger)).lines).toMatchObject([{ totals: report.totals }]);

    const xml = (await lab.run('report', ledger, '--format', 'junit')).stdout.toString();
    expect(xml).toContain('<testsuites name="layermill" tests="3" failures="0" errors="1"');
    const page = lab.path('report.html');
    expect(await lab.run('report', ledger, '--format', 'html', '-o', page)).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(page, 'utf8')).toContain('<strong>2 of 3 images done, 1 failed.</strong>');
    expect(lab.leftOvers()).toEqual([]);
  });

  it('takes a job file for the ledger beside it, and what it wrote itself', async () => {
    await using lab = new CliLab();
    await runThree(lab);
    writeFileSync(lab.path('batch.yaml'), 'version: 1\n');
    const [report] = (await lab.run('report', lab.path('batch.yaml'), '--format', 'json')).lines;
    expect(report).toMatchObject({ ledgers: [{ location: lab.path('batch.ledger') }] });
    writeFileSync(lab.path('1.json'), JSON.stringify(report));
    const other = JSON.stringify(report).replaceAll(lab.path('batch.ledger'), '/elsewhere/2.ledger');
    writeFileSync(lab.path('2.json'), other);
    const merged = await lab.run('report', lab.path('1.json'), lab.path('2.json'));
    expect(merged.stdout.toString()).toContain('3 images in more than one of them; the furthest result counts');
  });

  it('refuses what it cannot read, and says what it is', async () => {
    await using lab = new CliLab();
    writeFileSync(lab.path('job.yaml'), 'version: 1\n');
    writeFileSync(lab.path('cut.json'), '{"version": 1, "ledgers": [');
    writeFileSync(lab.path('odd.json'), '{"version": 2, "ledgers": [], "throughput": {}}');
    writeFileSync(lab.path('not.ledger'), `SQLite format 3\0${'x'.repeat(5000)}`);
    for (const [name, code, text] of [
      ['gone.ledger', 2, /no such file or directory/],
      ['job.yaml', 2, /as a job file it has no ledger .*job\.ledger/],
      ['cut.json', 2, /begins as JSON, and is none/],
      ['odd.json', 2, /is no report of a batch that this layermill knows, at "version"/],
      ['not.ledger', 2, /not\.ledger/],
    ] as const) {
      const result = await lab.run('report', lab.path(name));
      expect([name, result.code, result.stdout.toString()]).toEqual([name, code, '']);
      expect(result.stderr).toMatch(text);
    }
    const both = await lab.run('report', lab.path('job.yaml'), '-o', '-', '--failed', '-');
    expect(both.stderr).toContain('cannot both go to stdout');
  });
});
