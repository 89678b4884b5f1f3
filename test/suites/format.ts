import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type SinkOptions } from '../../src/formats/transports.ts';
import type { ImageSink, SinkImage, V1Link } from '../../src/image/image-sink.ts';
import type { SourceItem } from '../../src/image/image-source.ts';
import { type FormatLab, openFormatLab, readAll } from '../support/format-context.ts';
import {
  type FixtureImage,
  fixtureImage,
  type FixtureLayer,
  fixtureLayer,
  json,
  MEDIA,
} from '../support/image-fixture.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { inFile } from '../support/in-file.ts';

/** What a format promises beside the common promises. */
export interface FormatTraits {
  transport: string;
  /** Whether the destination is one file; otherwise a directory that images can be added to. */
  isArchive: boolean;
  keepsManifests: boolean;
  /** The file that says what is in a directory, and what else may be there. */
  listing?: string;
  files?: RegExp;
  /** Whether it holds one image only, without a name. */
  holdsOne?: boolean;
  options?: SinkOptions;
}

const base = fixtureLayer({ 'bin/sh': 'shell' });
const top = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
const one = fixtureImage([base, top], { names: ['app:1', 'quay.io/x/app:2'] });
const two = fixtureImage([base], { names: ['second:latest'], config: { comment: 'two' } });

/** The promises of every format that can be written and read. */
export function formatSuite(traits: FormatTraits): void {
  const { transport, isArchive, keepsManifests, holdsOne = false, options } = traits;
  const { listing = 'index.json', files = /^(blobs|index\.json|oci-layout)$/ } = traits;
  const several = holdsOne ? [one] : [one, two];
  const expected = (images: FixtureImage[]): unknown[] =>
    expectedFrom(holdsOne ? images.map((image) => ({ ...image, names: [] })) : images, options);

  describe(`${transport}:${options?.legacy === true ? ' (legacy)' : ''} as a destination and a source`, () => {
    let lab: FormatLab;
    let path: string;
    let blobs = 0;
    beforeEach(() => {
      lab = openFormatLab();
      path = join(lab.dir, 'out', isArchive ? 'images.tar' : 'images');
    });
    afterEach(() => lab.close());

    const open = (to = path): Promise<ImageSink> => openSink(`${transport}:${to}`, lab.context, options);

    async function put(sink: ImageSink, image: FixtureImage, fields: Partial<SinkImage> = {}): Promise<void> {
      for (const { digest, stored } of image.layers) {
        if (await sink.hasBlob(digest, stored.length)) continue;
        await sink.putBlob(digest, blobFile(stored), { move: true });
      }
      await sink.putImage({ ...sinkImage(image), ...fields });
    }

    function blobFile(bytes: Buffer): { path: string; size: number } {
      const file = join(lab.dir, `blob-${blobs++}`);
      writeFileSync(file, bytes);
      return { path: file, size: bytes.length };
    }

    async function write(images: FixtureImage[], to = path): Promise<void> {
      const sink = await open(to);
      for (const image of images) await put(sink, image);
      await sink.commit();
      await sink.close();
    }

    it('gives back what was put: names, configs, DiffIDs and bytes of layers', async () => {
      await write(several);
      const { items } = await readAll(`${transport}:${path}`, lab.context);
      expect(items.map(told)).toEqual(expected(several));
    });

    it('is found out when nobody says what it is', async () => {
      await write([two]);
      const { items } = await readAll(path, lab.context);
      expect(items.map(told)).toEqual(expected([two]));
    });

    it('shows nothing before the commit, and leaves nothing without one', async () => {
      const sink = await open();
      await put(sink, one);
      expect(existsSync(isArchive ? path : join(path, listing))).toBe(false);
      await sink.close();
      expect(existsSync(dirname(path))).toBe(false);
      expect(readdirSync(lab.tempDir)).toEqual([]);
    });

    it('leaves nothing beside what was committed, however often it is closed', async () => {
      await write([one]);
      const sink = await open();
      await put(sink, two);
      await sink.commit();
      await sink.close();
      await sink.close();
      expect(readdirSync(dirname(path))).toHaveLength(1);
      if (!isArchive) expect(readdirSync(path).filter((name) => !files.test(name))).toEqual([]);
    });

    it('has the same bytes, whichever image was ready first', async () => {
      const other = join(lab.dir, 'out', isArchive ? 'other.tar' : 'other');
      await write(several);
      await write(several.toReversed(), other);
      const bytesOf = (place: string): Buffer => readFileSync(isArchive ? place : join(place, listing));
      expect(bytesOf(path).equals(bytesOf(other))).toBe(true);
    });

    it('takes a blob once, and knows it then', async () => {
      const sink = await open();
      expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(false);
      const kept = blobFile(base.stored);
      await sink.putBlob(base.digest, kept, { move: false });
      expect(readFileSync(kept.path)).toEqual(base.stored);
      expect(await sink.hasBlob(base.digest, base.stored.length)).toBe(true);
      const moved = blobFile(base.stored);
      await sink.putBlob(base.digest, moved, { move: true });
      expect(existsSync(moved.path)).toBe(false);
      await sink.close();
      expect(readFileSync(kept.path)).toEqual(base.stored);
    });

    it('takes one blob from several sides at once', async () => {
      const sink = await open();
      const files = Array.from({ length: 8 }, () => blobFile(base.stored));
      await Promise.all(files.map((file, index) => sink.putBlob(base.digest, file, { move: index % 2 === 0 })));
      await sink.putImage(sinkImage(two));
      await sink.commit();
      await sink.close();
      const { items } = await readAll(`${transport}:${path}`, lab.context);
      expect(items.map(told)).toEqual(expected([two]));
    });

    it('takes a part of a file as a blob', async () => {
      const sink = await open();
      const around = blobFile(Buffer.concat([Buffer.alloc(100, 1), base.stored, Buffer.alloc(100, 1)]));
      const part = { path: around.path, offset: 100, length: base.stored.length, size: base.stored.length };
      await sink.putBlob(base.digest, part, { move: false });
      await sink.putImage(sinkImage(two));
      await sink.commit();
      await sink.close();
      const { items } = await readAll(`${transport}:${path}`, lab.context);
      expect(items.map(told)).toEqual(expected([two]));
    });

    it('takes an image without layers and without names', async () => {
      const empty = fixtureImage([]);
      await write([empty]);
      const { items } = await readAll(`${transport}:${path}`, lab.context);
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({ names: [] });
    });

    it.runIf(!holdsOne)('is asked for one image by its name', async () => {
      await write([one, two]);
      const { items } = await readAll(`${transport}:${path}:second`, lab.context);
      expect(items.map(told)).toEqual(expected([two]));
    });

    it.runIf(!holdsOne)('gives the one image the name that is asked for in the destination', async () => {
      const sink = await openSink(`${transport}:${path}:renamed:3`, lab.context, options);
      await put(sink, two);
      await sink.commit();
      await sink.close();
      const { items } = await readAll(`${transport}:${path}:renamed:3`, lab.context);
      expect(items).toHaveLength(1);
    });

    it.runIf(keepsManifests)('keeps a manifest byte for byte', async () => {
      const raw = json({
        schemaVersion: 2,
        mediaType: MEDIA.dockerManifest,
        config: { mediaType: MEDIA.dockerConfig, digest: two.configDigest, size: two.config.length },
        layers: [{ mediaType: MEDIA.dockerLayer, digest: base.digest, size: base.stored.length }],
        note: 'kept as it is',
      });
      const sink = await open();
      await put(sink, two, { manifest: { raw, mediaType: MEDIA.dockerManifest, digest: sha256Digest(raw) } });
      await sink.commit();
      await sink.close();
      const layout = isArchive ? `oci-archive:${path}` : `${transport}:${path}`;
      const { items } = await readAll(layout, lab.context);
      expect(items).toMatchObject([{ manifest: { raw, mediaType: MEDIA.dockerManifest } }]);
    });
  });
}

export function sinkImage(image: FixtureImage): SinkImage {
  const { config, configDigest, layers, names } = image;
  return {
    names,
    ref: null,
    config,
    configDigest,
    layers: layers.map(({ diffId, digest, stored, compression }) => ({
      diffId,
      digest,
      size: stored.length,
      mediaType: compression === 'none' ? MEDIA.layer : `${MEDIA.layer}+${compression}`,
    })),
    manifest: null,
    chain: v1ChainOf(image),
    createdSec: 0,
  };
}

/** One v1 image for each layer, and the head without one, as a store makes them of a modern image. */
function v1ChainOf({ layers, configDigest }: FixtureImage): V1Link[] {
  const ids = [
    ...layers.map((_, index) =>
      sha256Digest(
        layers
          .slice(0, index + 1)
          .map(idOf)
          .join(),
      ).slice(7),
    ),
    configDigest.slice(7),
  ];
  return ids.map((id, index) => ({
    id,
    json: json(index === 0 ? { id } : { id, parent: ids[index - 1] }),
    empty: index === layers.length,
  }));
}

function idOf({ diffId }: FixtureLayer): string {
  return diffId;
}

/** An item by everything that must survive: names, config, and the bytes that its layers lead to. */
function told(item: SourceItem): unknown {
  if (item.kind === 'legacy') {
    return {
      names: item.names,
      chain: item.chain.map(({ json: raw, layer }) => [sha256Digest(raw), digestOf(inFile(layer))]),
    };
  }
  if (item.kind !== 'modern') return item;
  const { names, configDigest, layers } = item;
  return { names, configDigest, layers: layers.map(({ diffId, blob }) => [diffId, digestOf(inFile(blob))]) };
}

function digestOf({ path, offset = 0, length }: { path: string; offset?: number; length?: number }): string {
  const bytes = readFileSync(path);
  return sha256Digest(bytes.subarray(offset, length === undefined ? undefined : offset + length));
}

function expectedFrom(images: FixtureImage[], options: SinkOptions | undefined): unknown[] {
  if (options?.legacy !== true) {
    return images.map(({ names, configDigest, layers }) => ({
      names,
      configDigest,
      layers: layers.map(({ diffId, digest }) => [diffId, digest]),
    }));
  }
  const empty = sha256Digest(Buffer.alloc(1024));
  return images.map((image) => ({
    names: image.names,
    chain: v1ChainOf(image).map(({ json: raw }, index) => [sha256Digest(raw), image.layers[index]?.digest ?? empty]),
  }));
}
