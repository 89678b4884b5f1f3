import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliLab, resultOf } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';
import { makeFifo } from '../support/special-files.ts';

/** More than FIFOs and pipes hold, so that whoever writes it is not done before somebody reads. */
const large = fixtureLayer({ noise: randomBytes(1024 * 1024).toString('base64') });
const image = fixtureImage([large], { names: ['app:1'] });
const id = image.configDigest.slice('sha256:'.length);

describe('an image that another process exports', () => {
  let lab: CliLab;
  beforeAll(async () => {
    lab = new CliLab();
    writeArchiveFile(lab.path('image.tar'), dockerArchiveFiles([image]));
    await lab.json('import', lab.path('image.tar'));
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  it('is refused to rm, which changes nothing, and goes when the export has ended', async () => {
    makeFifo(lab.path('fifo'));
    const reader = spawn('cat', [lab.path('fifo')], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
    const exporting = lab.start(['export', 'app:1', '--to', `docker-archive:${lab.path('fifo')}`]);
    const exported = resultOf(exporting);
    await once(reader, 'readable');

    for (const name of ['app:1', id]) {
      const refused = await lab.run('--json', 'rm', name);
      expect(refused.code).toBe(2);
      expect(refused.lines).toMatchObject([[{ error: { code: 'IMAGE_IN_USE' } }]]);
    }
    expect(await lab.json('inspect', 'app:1')).toMatchObject([{ id, names: ['app:1'] }]);

    reader.resume();
    expect((await exported).code).toBe(0);
    expect((await lab.json('rm', 'app:1'))[0]).toMatchObject([{ untagged: 'app:1' }, { deleted: id }, {}]);
  });
});
