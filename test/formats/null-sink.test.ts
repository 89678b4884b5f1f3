import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, openSource } from '../../src/formats/transports.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import { fixtureImage, fixtureLayer, MEDIA } from '../support/image-fixture.ts';
import { sinkImage } from '../suites/format.ts';

const layer = fixtureLayer({ 'bin/sh': 'shell' });
const image = fixtureImage([layer], { names: ['app:1'] });
const size = layer.stored.length;

let lab: FormatLab;
let path: string;
beforeEach(() => {
  lab = openFormatLab();
  path = join(lab.dir, 'blob');
  writeFileSync(path, layer.stored);
});
afterEach(() => lab.close());

describe('null:', () => {
  it('checks a blob, and takes it away when it is to have it', async () => {
    const sink = await openSink('null:', lab.context);
    expect(await sink.hasBlob(layer.digest, size)).toBe(false);
    await sink.putBlob(layer.digest, { path, size }, { move: false });
    expect(readFileSync(path)).toEqual(layer.stored);
    expect(await sink.hasBlob(layer.digest, size)).toBe(true);
    await sink.putBlob(layer.digest, { path, size }, { move: true });
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['DIGEST_MISMATCH', Buffer.alloc(size)],
    ['SIZE_MISMATCH', layer.stored.subarray(1)],
  ])('finds what is not what its digest says: %s', async (code, bytes) => {
    writeFileSync(path, bytes);
    const sink = await openSink('null:', lab.context);
    const wrong = sink.putBlob(layer.digest, { path, size }, { move: true });
    await expect(wrong).rejects.toMatchObject({ code });
    expect(await sink.hasBlob(layer.digest, size)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  it.each(['oci', 'docker'] as const)(
    'answers the digest that a layout would have, and writes nothing: %s',
    async (format) => {
      const digests: unknown[] = [];
      for (const location of ['null:', `oci:${lab.dir}/layout`]) {
        const sink = await openSink(location, lab.context, { format });
        await sink.putBlob(layer.digest, { path, size }, { move: false });
        digests.push((await sink.putImage(sinkImage(image))).manifest?.digest);
        await sink.putIndex({
          names: [],
          ref: null,
          raw: Buffer.from('{"schemaVersion":2}'),
          mediaType: MEDIA.index,
          digest: image.configDigest,
        });
        if (location === 'null:') await sink.commit();
        await sink.close();
      }
      expect(digests[0]).toBe(digests[1]);
      expect(readdirSync(lab.dir)).toEqual(['blob']);
      expect(readdirSync(lab.tempDir)).toEqual([]);
    },
  );

  it('is no source', async () => {
    await expect(openSource('null:', lab.context)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
