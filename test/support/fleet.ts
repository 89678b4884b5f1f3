import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  dockerArchiveFiles,
  type FixtureImage,
  fixtureImage,
  type FixtureLayer,
  packedLayer,
  writeArchiveFile,
} from './image-fixture.ts';
import { type Random, seeded } from './random.ts';
import { file, tar } from './tar-fixture.ts';

export interface FleetSize {
  images: number;
  layers: number;
  /** Bytes of a layer, about. */
  layerBytes: number;
}

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const MAX_FILE_BYTES = 300_000;

/** Images that share layers as those of a company do: few bases, some middles, a layer of their own taken from the rest. */
export function makeFleet({ images, layers, layerBytes }: FleetSize): FixtureImage[] {
  const random = seeded(7);
  const made = cutLayers(layers, layerBytes);
  const bases = Math.max(1, Math.floor(layers / 10));
  return Array.from({ length: images }, (_unused, number) => {
    const above = pick(random, layers - bases, 2 + random.below(4)).map((place) => made[bases + place]!);
    const created = new Date(Date.UTC(2024, 0, 1, 0, 0, number)).toISOString();
    return fixtureImage([made[random.below(bases)]!, ...above], {
      names: [`fleet/app-${number}:1`],
      config: { created, config: { Cmd: [`app-${number}`] } },
    });
  });
}

/** Writes each image as a docker-archive; answers the paths. */
export function writeFleet(images: readonly FixtureImage[], to: string): string[] {
  mkdirSync(to, { recursive: true });
  return images.map((image, number) =>
    writeArchiveFile(join(to, `${String(number).padStart(5, '0')}.tar`), dockerArchiveFiles([image])),
  );
}

/** Layers of real files: those of the packages that this project is built with. */
function cutLayers(count: number, bytes: number): FixtureLayer[] {
  const files = realFiles(PACKAGES);
  return Array.from({ length: count }, (_unused, number) => {
    const parts: Buffer[] = [];
    for (let size = 0; size < bytes;) {
      const { value: path } = files.next();
      if (path === undefined) throw new Error('the packages have too few files for so many layers');
      parts.push(file(`layer-${number}/${path}`, readFileSync(join(PACKAGES, path))));
      size += parts.at(-1)!.length;
    }
    return packedLayer(tar(parts));
  });
}

function* realFiles(below: string, prefix = ''): Generator<string> {
  const entries = readdirSync(join(below, prefix), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    // Names that a plain header holds.
    if (path.length > 80 || entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) yield* realFiles(below, path);
    else if (entry.isFile() && statSync(join(below, path)).size < MAX_FILE_BYTES) yield path;
  }
}

function pick(random: Random, from: number, count: number): number[] {
  const places = new Set<number>();
  while (places.size < Math.min(count, from)) places.add(random.below(from));
  return [...places];
}
