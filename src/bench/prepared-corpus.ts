import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { sha256Digest } from '../identity/digest.ts';
import { changeTree } from './changed-tree.ts';
import { type Packing, packingName } from './grid.ts';
import { countTar } from './layer-facts.ts';
import { type Line, type Program, layermill, runOurs } from './ours.ts';
import type { CorpusFacts, Work } from './report.ts';

export interface CorpusImage {
  id: string;
  /** The name it has in archives; null when it has none. */
  name: string | null;
  /** The digest of its config, or the id of an image that has none: what every tool calls it. */
  digest: string;
  layers: readonly string[];
}

/** A distinct layer. */
export interface CorpusLayer {
  id: string;
  diffId: string;
  /** Its tar, unpacked. */
  path: string;
  bytes: number;
  entries: number;
}

export interface CorpusSetup {
  program: Program;
  signal: AbortSignal | undefined;
  /** A directory for everything that is made here. */
  work: string;
  sources: readonly string[];
  description: string;
  /** Called with what is being prepared. */
  onStep: (what: string) => void;
}

/** The images to measure with, and everything made from them before the clock starts; each thing when it is first needed. */
export class PreparedCorpus {
  readonly setup: CorpusSetup;
  readonly images: readonly CorpusImage[];
  readonly layers: readonly CorpusLayer[];
  /** A store that has all images, and no packed bytes of their layers. */
  readonly store: string;
  readonly #made = new Map<string, Promise<string>>();

  private constructor(setup: CorpusSetup, images: CorpusImage[], layers: CorpusLayer[]) {
    this.setup = setup;
    // They come in the order in which they were done, which is another one each time.
    this.images = images.toSorted((a, b) => ((a.name ?? a.id) < (b.name ?? b.id) ? -1 : 1));
    this.layers = layers;
    this.store = storeIn(setup.work);
  }

  static async prepare(setup: CorpusSetup): Promise<PreparedCorpus> {
    const { program, signal, work, onStep } = setup;
    const run = (...words: string[]): Promise<Line[]> =>
      runOurs(program, signal, layermill(program, storeIn(work), null, ...words));
    onStep('importing the corpus');
    const imported = await run('import', ...setup.sources, '--blobs', 'drop');
    const images: CorpusImage[] = [];
    const ids = new Map<string, string>();
    for (const line of imported) {
      const { id, names, configDigest } = line as { id: string; names: string[]; configDigest: string | null };
      if (images.some((image) => image.id === id)) continue;
      const [inspected] = (await run('inspect', id)) as unknown as [{ layers: { id: string; diffId: string }[] }];
      for (const layer of inspected.layers) ids.set(layer.diffId, layer.id);
      const layers = inspected.layers.map(({ diffId }) => diffId);
      images.push({ id, name: names[0] ?? null, digest: configDigest ?? id, layers });
    }
    onStep('reading its layers');
    await mkdir(join(work, 'layers'));
    const layers: CorpusLayer[] = [];
    for (const [diffId, id] of ids) {
      const path = join(work, 'layers', `${layers.length}.tar`);
      await run('layer', id, '-o', path, '--compression', 'none');
      layers.push({ id, diffId, path, ...countTar(path) });
    }
    if (layers.length > 0) return new PreparedCorpus(setup, images, layers);
    throw engineError('INVALID_ARGUMENT', 'there is nothing to measure: no image of the sources has a layer', {
      argument: 'source',
    });
  }

  get facts(): CorpusFacts {
    const { bytes, entries, images } = this.work;
    const identity = sha256Digest(
      this.layers
        .map(({ diffId }) => diffId)
        .toSorted()
        .join(),
    );
    return { description: this.setup.description, images, layers: this.layers.length, bytes, entries, identity };
  }

  /** All of it. */
  get work(): Work {
    const sum = (key: 'bytes' | 'entries'): number => this.layers.reduce((total, layer) => total + layer[key], 0);
    return { bytes: sum('bytes'), entries: sum('entries'), images: this.images.length };
  }

  get largestLayer(): CorpusLayer {
    return this.layers.reduce((largest, layer) => (layer.bytes > largest.bytes ? layer : largest));
  }

  /** The image with the most bytes. */
  get largestImage(): CorpusImage {
    const bytes = new Map(this.layers.map((layer) => [layer.diffId, layer.bytes]));
    const size = (image: CorpusImage): number =>
      image.layers.reduce((sum, diffId) => sum + (bytes.get(diffId) ?? 0), 0);
    return this.images.reduce((largest, image) => (size(image) > size(largest) ? image : largest));
  }

  /** All images as a docker-archive with plain layers, which every tool reads. */
  archive(): Promise<string> {
    const given = this.setup.sources.length === 1 ? plainArchive(this.setup.sources[0]!) : null;
    if (given !== null) return Promise.resolve(given);
    return this.#once('archive', 'archive.tar', (path) =>
      this.#run('export', ...this.#ids(), '--to', `docker-archive:${path}`),
    );
  }

  /** All images as an OCI layout, packed. */
  layout(packing: Packing): Promise<string> {
    const name = packingName(packing);
    const how = packingFlags(packing);
    return this.#once(`layout ${name}`, `layout-${name.replaceAll(':', '-')}`, (path) =>
      this.#run('export', ...this.#ids(), '--to', `oci:${path}`, ...how),
    );
  }

  /** The file tree of the largest image. */
  tree(): Promise<string> {
    return this.#once('tree', 'tree', (path) => this.#run('unpack', this.largestImage.id, path));
  }

  /** The same tree after somebody worked in it. */
  changedTree(): Promise<string> {
    return this.#once('changed tree', 'changed-tree', async (path) => {
      await this.#run('unpack', this.largestImage.id, path);
      changeTree(path);
    });
  }

  /** Names where there are any, so that they are in the archive. */
  #ids(): string[] {
    return this.images.map(({ name, id }) => name ?? id);
  }

  async #run(...words: string[]): Promise<Line[]> {
    const { program, signal } = this.setup;
    return runOurs(program, signal, layermill(program, this.store, null, ...words));
  }

  #once(what: string, name: string, make: (path: string) => Promise<unknown>): Promise<string> {
    const path = join(this.setup.work, name);
    const made = this.#made.get(what);
    if (made !== undefined) return made;
    this.setup.onStep(`making the ${what}`);
    const making = make(path).then(() => path);
    this.#made.set(what, making);
    return making;
  }
}

const storeIn = (work: string): string => join(work, 'store');

/** What asks for a way to pack. */
export function packingFlags({ name, level }: Packing): string[] {
  return ['--compression', name, ...(name === 'none' ? [] : ['--level', String(level)])];
}

/** A source that other tools can read as it is. */
function plainArchive(source: string): string | null {
  const path = /^docker-archive:([^:]+)$/.exec(source)?.[1] ?? (/^[^:]+\.tar$/.test(source) ? source : null);
  return path;
}
