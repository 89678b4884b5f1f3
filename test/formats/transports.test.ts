import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSink, openSource, parseLocation } from '../../src/formats/transports.ts';
import { type FormatLab, openFormatLab, readAll } from '../support/format-context.ts';
import {
  archiveOf,
  dirFiles,
  dockerArchiveFiles,
  fixtureImage,
  FixtureLayout,
  fixtureLayer,
  legacyArchiveFiles,
  pack,
  v1Id,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { file, tar } from '../support/tar-fixture.ts';

const image = fixtureImage([fixtureLayer({ a: 'b' })], { names: ['app:1'] });

let lab: FormatLab;
beforeAll(() => {
  lab = openFormatLab();
});
afterAll(() => lab.close());

describe('a location', () => {
  it.each([
    ['docker-archive:/a/b.tar', 'docker-archive', '/a/b.tar', null],
    ['docker-archive:x.tar:host:5000/app:1', 'docker-archive', 'x.tar', 'host:5000/app:1'],
    ['docker-archive:-', 'docker-archive', '-', null],
    ['docker-archive:x.tar:@2', 'docker-archive', 'x.tar', '@2'],
    ['oci:dir:1.0', 'oci', 'dir', '1.0'],
    ['oci-archive:x.tar', 'oci-archive', 'x.tar', null],
    ['dir:/a:b/c', 'dir', '/a:b/c', null],
    ['null:', 'null', '', null],
    ['docker://host:5000/app:1', 'docker', '//host:5000/app:1', null],
    ['x.tar', null, 'x.tar', null],
    ['./oci:x', null, './oci:x', null],
    ['-', null, '-', null],
    ['other:thing', null, 'other:thing', null],
  ])('%s is taken apart', (text, transport, path, ref) => {
    expect(parseLocation(text)).toEqual({ transport, path, ref });
  });

  it.each(['oci:', 'docker-archive::x', 'oci-archive:x:', 'dir:', 'null:x'])('%s is no location', (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('a bare path', () => {
  const layout = (): FixtureLayout => {
    const made = new FixtureLayout();
    return made.list([made.image(image)]);
  };

  it.each([
    ['docker-archive', () => writeArchiveFile(join(lab.dir, '1.tar'), dockerArchiveFiles([image]))],
    ['docker-archive', () => writeArchiveFile(join(lab.dir, '2.tar'), legacyArchiveFiles([{ id: v1Id('a') }]))],
    [
      'docker-archive',
      () => writeArchiveFile(join(lab.dir, '3.tar'), new Map([...layout().files, ...dockerArchiveFiles([image])])),
    ],
    ['oci-archive', () => writeArchiveFile(join(lab.dir, '4.tar'), layout().files)],
    ['oci-archive', () => writeArchiveFile(join(lab.dir, '5.tar.zst'), layout().files, 'zstd')],
    ['oci', () => writeDirectory(join(lab.dir, '6'), layout().files)],
    ['dir', () => writeDirectory(join(lab.dir, '7'), dirFiles(image))],
    ['docker-archive', () => writeArchiveFile(join(lab.dir, 'a:b.tar'), dockerArchiveFiles([image]))],
  ])('is found out to be %s', async (transport, make) => {
    const path = make();
    const source = await openSource(path, lab.context);
    expect([source.transport, source.location]).toEqual([transport, path]);
    await source.close();
    expect((await readAll(path, lab.context)).items).toHaveLength(1);
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it.each([
    ['a directory of other things', () => (mkdirSync(join(lab.dir, 'home')), join(lab.dir, 'home'))],
    ['a tar of other things', () => (writeFileSync(join(lab.dir, 'x'), tar([file('etc/passwd')])), join(lab.dir, 'x'))],
    ['no tar', () => (writeFileSync(join(lab.dir, 'y'), 'hello'), join(lab.dir, 'y'))],
    [
      'a packed file that is no tar',
      () => (writeFileSync(join(lab.dir, 'z'), pack(Buffer.from('x'.repeat(999)), 'gzip')), join(lab.dir, 'z')),
    ],
    ['empty', () => (writeFileSync(join(lab.dir, 'e'), ''), join(lab.dir, 'e'))],
  ])('that is %s holds no image, and leaves nothing behind', async (_what, make) => {
    await expect(openSource(make(), lab.context)).rejects.toMatchObject({
      code: expect.stringMatching(/^(NOT_AN_IMAGE|TAR_TRUNCATED)$/) as string,
    });
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('that is cut in the middle of its packing is told from one that is no image', async () => {
    const path = join(lab.dir, 'cut.tar.gz');
    writeFileSync(path, pack(archiveOf(dockerArchiveFiles([image])), 'gzip').subarray(0, -9));
    await expect(openSource(path, lab.context)).rejects.toMatchObject({ code: 'COMPRESSION_INVALID' });
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('that does not exist is not found', async () => {
    await expect(readAll(join(lab.dir, 'missing'), lab.context)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that names what other tools have is answered with what there is here', async () => {
    const refused = openSink('containers-storage:x', lab.context);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(refused).rejects.toThrow('containers-root:PATH');
  });

  it.each(['elsewhere://busybox', 'nothing:x'])('that names a transport nobody knows is refused: %s', async (text) => {
    await expect(openSource(text, lab.context)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(openSink(text, lab.context)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is no destination: what to write must be said', async () => {
    await expect(openSink('x.tar', lab.context)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('what can be read only once', () => {
  const bytes = pack(archiveOf(dockerArchiveFiles([image])), 'gzip');

  it('is spooled: stdin', async () => {
    const context = { ...lab.context, stdin: Readable.from([bytes.subarray(0, 100), bytes.subarray(100)]) };
    const source = await openSource('-', context);
    expect(source.location).toBe('-');
    for await (const item of source.images()) expect(item.kind).toBe('modern');
    expect(readdirSync(lab.tempDir)).toHaveLength(1);
    await source.close();
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('is spooled: a pipe', async () => {
    const pipe = join(lab.dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const archive = writeArchiveFile(join(lab.dir, 'piped.tar'), dockerArchiveFiles([image]));
    const writer = spawn('cp', [archive, pipe]);
    const { items } = await readAll(pipe, lab.context);
    expect(items).toMatchObject([{ configDigest: image.configDigest }]);
    writer.kill();
  });

  it('leaves nothing behind when it breaks off', async () => {
    const stdin = Readable.from(
      (async function* () {
        yield bytes.subarray(0, 100);
        await Promise.reject(new Error('gone'));
      })(),
    );
    await expect(openSource('-', { ...lab.context, stdin })).rejects.toThrow('gone');
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });

  it('is no longer waited for when that is cancelled', async () => {
    const aborter = new AbortController();
    const stdin = new Readable({ read: () => {} });
    const opened = openSource('-', { ...lab.context, stdin, signal: aborter.signal });
    setImmediate(() => aborter.abort());
    await expect(opened).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });
});

describe('archives packed by programs', () => {
  it.for(['xz', 'bzip2'])('are unpacked with %s', async (program, { skip }) => {
    skip(!existsSync(`/usr/bin/${program}`), `there is no /usr/bin/${program} here`);
    const path = writeArchiveFile(join(lab.dir, `${program}.tar`), dockerArchiveFiles([image]));
    execFileSync(program, ['-k', path]);
    const packed = `${path}.${program === 'xz' ? 'xz' : 'bz2'}`;
    expect((await readAll(packed, lab.context)).items).toMatchObject([{ configDigest: image.configDigest }]);
    expect(readdirSync(lab.tempDir)).toEqual([]);
  });
});
