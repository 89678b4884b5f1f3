import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archiveOf, dockerArchiveFiles, fixtureImage, fixtureLayer } from '../support/image-fixture.ts';
import { CliLab } from '../support/cli-lab.ts';

let lab: CliLab;
beforeAll(() => {
  lab = new CliLab();
  // The second image takes the name of the first, which is worth a warning.
  for (const author of ['first', 'second']) {
    const image = fixtureImage([fixtureLayer({ file: 'x' })], { names: ['app:1'], config: { author } });
    writeFileSync(join(lab.dir, `${author}.tar`), archiveOf(dockerArchiveFiles([image])));
  }
});
afterAll(() => lab[Symbol.asyncDispose]());

/** What an import that moves a name says on stderr, with these settings in a file. */
async function saidWith(settings: object): Promise<string[]> {
  writeFileSync(lab.path('settings.json'), JSON.stringify(settings));
  const config = ['--config', lab.path('settings.json')];
  await lab.run('import', lab.path('first.tar'), '-q');
  const { code, stderr } = await lab.run('import', lab.path('second.tar'), ...config);
  expect(code).toBe(0);
  return stderr.trim() === '' ? [] : stderr.trim().split('\n');
}

it('log.level, log.format and progress act from a file', async () => {
  const quiet = { progress: 'none' };
  expect((await saidWith(quiet)).join()).toContain('app:1 named image');
  expect(await saidWith({ ...quiet, log: { level: 'error' } })).toEqual([]);
  const [line] = await saidWith({ ...quiet, log: { format: 'json' } });
  expect(JSON.parse(line!)).toMatchObject({ level: 'warn' });
  const events = await saidWith({ progress: 'json', log: { level: 'error' } });
  expect(events.length).toBeGreaterThan(0);
  for (const event of events) expect(JSON.parse(event)).toBeTypeOf('object');
});
