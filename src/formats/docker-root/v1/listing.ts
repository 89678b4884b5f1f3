import type { EngineError } from '../../../errors/engine-error.ts';
import { hasCode } from '../../../errors/kinds.ts';
import { isDigest } from '../../../identity/digest.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import { decodeImageJson } from '../../../image/v1-compat.ts';
import { brokenImage } from '../../broken.ts';
import type { FormatContext } from '../../context.ts';
import { chainOf, type Family, straysOf } from '../../v1-family.ts';
import type { ListedImage, ListedLayer, RootListing } from '../root-listing.ts';
import { chooseImages } from './choose-images.ts';
import { readContainers } from './containers.ts';
import { readFamily, readLayerSize } from './graph-images.ts';
import { RootLayers } from './layers.ts';
import type { RootFiles } from '../root-files.ts';
import { readTags, type RootTags } from './tags.ts';

/** What a data directory of Docker 1.9 and older holds: images with their layers, containers, and what is damaged. */
export async function listV1Root(files: RootFiles, path: string, context: FormatContext): Promise<RootListing> {
  const { documents } = context;
  const tags = await readTags(files);
  const family = await readFamily(files, documents);
  const { containers, broken } = await readContainers(files, documents);
  const lister = new Lister(files, family, tags, context);
  const wanted = chooseImages(family, tags, null);
  const images: ListedImage[] = [];
  for (const { id, names } of wanted) images.push(await lister.image(id, names));
  for (const [id, error] of straysOf(
    family,
    wanted.map(({ id }) => id),
  )) {
    images.push({ ...nothingOf(id), digests: tags.digests.get(id) ?? [], damaged: error });
  }
  return {
    kind: 'docker-v1',
    path,
    driver: lister.driversSeen(),
    images,
    containers: containers.map(({ id, name, image, running }) => ({ id, name, image, running })),
    warnings: [...tags.warnings, ...[...broken].map(([id, error]) => `container ${id}: ${error.message}`)],
  };
}

class Lister {
  readonly #files: RootFiles;
  readonly #family: Family;
  readonly #tags: RootTags;
  readonly #context: FormatContext;
  readonly #layers: RootLayers;
  /** Most chains share their first layers. */
  readonly #known = new Map<string, { layer: ListedLayer; problem: EngineError | null }>();
  readonly #seen: Set<string>;

  constructor(files: RootFiles, family: Family, tags: RootTags, context: FormatContext) {
    this.#files = files;
    this.#family = family;
    this.#tags = tags;
    this.#context = context;
    this.#layers = new RootLayers(files);
    this.#seen = new Set(tags.drivers);
  }

  /** The drivers that have tags or layers here. */
  driversSeen(): string {
    return [...this.#seen].sort().join(', ');
  }

  async image(id: string, names: string[]): Promise<ListedImage> {
    const { documents } = this.#context;
    const listed: ListedImage = { ...nothingOf(id), names, digests: this.#tags.digests.get(id) ?? [] };
    try {
      for (const link of chainOf(this.#family, id, (documents ?? DEFAULT_DOCUMENT_LIMITS).layers)) {
        const { layer, problem } = await this.#layer(link);
        listed.layers.push(layer);
        listed.damaged ??= problem;
      }
      const raw = await this.#files.read(`graph/${id}/json`, documents);
      const { created } = decodeImageJson(raw ?? Buffer.from('{}'));
      listed.created = created.startsWith('0001-') ? null : created;
    } catch (error) {
      listed.damaged = brokenImage(id, error).error;
    }
    const sizes = listed.layers.map(({ size }) => size).filter((size) => size !== null);
    listed.size = sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size);
    return listed;
  }

  async #layer(id: string): Promise<{ layer: ListedLayer; problem: EngineError | null }> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const layer: ListedLayer = {
      diffId: null,
      size: await readLayerSize(this.#files, id),
      dir: null,
      state: 'missing',
      registry: await this.#registry(id),
    };
    const found = { layer, problem: await this.#place(id, layer) };
    this.#known.set(id, found);
    return found;
  }

  /** Finds where the layer is; answers why it cannot be read. */
  async #place(id: string, layer: ListedLayer): Promise<EngineError | null> {
    try {
      const { driver } = await this.#layers.find(id, this.#family.parents.get(id) ?? null);
      this.#seen.add(driver.name);
      layer.dir = (await driver.directory(id)).slice(this.#files.root.length + 1);
      layer.state = (await this.#files.find(`graph/${id}/tar-data.json.gz`)) === null ? 'rebuilt' : 'exact';
      return null;
    } catch (error) {
      const problem = brokenImage(id, error).error;
      if (hasCode(problem, 'LAYER_NOT_MOUNTED')) {
        this.#seen.add(problem.details.driver);
        layer.state = 'unmounted';
      }
      return problem;
    }
  }

  /** From 1.8 on Docker noted the digest of the packed layer that it pulled or pushed; before, a tarsum. */
  async #registry(id: string): Promise<ListedLayer['registry']> {
    try {
      const checksum = (await this.#files.text(`graph/${id}/checksum`)) ?? '';
      return isDigest(checksum) ? [{ digest: checksum, repository: null }] : [];
    } catch {
      return [];
    }
  }
}

function nothingOf(id: string): ListedImage {
  return { id, names: [], digests: [], created: null, size: null, layers: [], damaged: null };
}
