import { engineError } from '../../../errors/kinds.ts';
import type { EngineError } from '../../../errors/engine-error.ts';
import { isDigest, type Digest } from '../../../identity/digest.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import { type DockerContainer, decodeDockerContainer } from '../../../image/engine-documents.ts';
import type { ImageConfig } from '../../../image/image-config.ts';
import type { ImageSource, SourceItem } from '../../../image/image-source.ts';
import { quoted } from '../../../image/strict-json.ts';
import { notAnImage } from '../../archive-file.ts';
import { brokenImage } from '../../broken.ts';
import type { FormatContext } from '../../context.ts';
import { askedName } from '../../names.ts';
import { imageOfTrees, type LayerOfTree } from '../image-of-trees.ts';
import { type DockerStore, openStore } from './docker-store.ts';
import { layersOfImage } from './layers-of-image.ts';
import { modernDrivers } from './open.ts';

/** The DiffID of 1,024 zero bytes: such a layer is left out, as Docker does. */
const EMPTY: Digest = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';

/**
 * Opens a stopped container as an image, as `docker commit` makes one: the layers of its image and one of what it changed.
 * `wanted` is its name, its id or the beginning of that; `name` is what the image is to be called. The time of the image
 * is that at which the container stopped, so that it is the same every time.
 */
export async function openContainerImage(
  path: string,
  wanted: string,
  name: string | null,
  context: FormatContext,
): Promise<ImageSource> {
  const drivers = await modernDrivers(path);
  if (drivers.length === 0) throw notAnImage(path, 'it is no data directory of Docker 1.10 or newer');
  const names = name === null ? [] : [askedName(name)];
  return {
    transport: 'docker-root',
    location: path,
    images: () => readContainer(path, drivers, wanted, names, context),
    close: () => Promise.resolve(),
  };
}

async function* readContainer(
  path: string,
  drivers: readonly string[],
  wanted: string,
  names: string[],
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  for (const driver of drivers) {
    const store = await openStore(path, driver, context);
    const container = await findContainer(store, wanted, `image/${driver}`);
    if (container === null) continue;
    try {
      yield await imageOfContainer(store, container, names, context);
    } catch (error) {
      yield brokenImage(container.name, error);
    }
    return;
  }
  throw engineError('IMAGE_NOT_FOUND', `no container called ${quoted(wanted)} in ${quoted(path)}`, { name: wanted });
}

/** Null where the container is another driver's. Throws ID_AMBIGUOUS. */
async function findContainer({ files }: DockerStore, wanted: string, home: string): Promise<DockerContainer | null> {
  const found: DockerContainer[] = [];
  for (const id of await files.names('containers')) {
    const path = `containers/${id}/config.v2.json`;
    const raw = await files.read(path);
    if (raw === null || (await files.directory(`${home}/layerdb/mounts/${id}`)) === null) continue;
    const container = decodeDockerContainer(raw, path);
    if (container.name === wanted) return { ...container, id };
    if (/^[a-f0-9]+$/.test(wanted) && id.startsWith(wanted)) found.push({ ...container, id });
  }
  if (found.length <= 1) return found[0] ?? null;
  const matches = found.slice(0, 10).map(({ id }) => id);
  throw engineError('ID_AMBIGUOUS', `${found.length} containers have an id that begins with ${wanted}`, {
    prefix: wanted,
    matches,
  });
}

async function imageOfContainer(
  store: DockerStore,
  container: DockerContainer,
  names: string[],
  context: FormatContext,
): Promise<SourceItem> {
  if (container.running) throw isRunning(container);
  if (!isDigest(container.image)) {
    throw engineError('CHAIN_INVALID', `the container ${container.name} names no image`, { id: container.id });
  }
  const parent = await store.images.config(container.image);
  const below = await layersOfImage(store.layers, store.driver, parent.diffIds);
  const own = await ownLayer(store, container, below.at(-1)?.cacheId ?? null, context);
  const config = decodeConfig(committed(parent, container, own), context.documents);
  const layers = own.diffId === EMPTY ? below : [...below, own];
  return imageOfTrees(config, layers, { ref: container.name, names }, context);
}

/** What the container changed against its init layer: the mount points that Docker puts there are no part of it. */
async function ownLayer(
  { layers, driver }: DockerStore,
  container: DockerContainer,
  image: string | null,
  { pool, limits, signal }: FormatContext,
): Promise<LayerOfTree> {
  const { cacheId, initId } = await layers.mount(container.id);
  const below = initId ?? image;
  const source = below === null ? await driver.changes(cacheId, null) : await driver.containerChanges(cacheId, below);
  const { diffId, tarSize } = await pool.run('layer.digest', { source, expected: {}, limits }, { signal });
  return { source, diffId, size: tarSize, exact: true };
}

/** The config that `docker commit` writes. */
function committed(parent: ImageConfig, container: DockerContainer, own: LayerOfTree): Buffer {
  const before = JSON.parse(parent.raw.toString('utf8')) as Record<string, unknown>;
  const created = container.finished ?? container.created ?? parent.created;
  const command = container.config['Cmd'];
  const step = {
    created,
    created_by: Array.isArray(command) ? command.join(' ') : '',
    ...(own.diffId === EMPTY ? { empty_layer: true } : {}),
  };
  const history = Array.isArray(before['history']) ? (before['history'] as unknown[]) : [];
  const kept = ['architecture', 'variant', 'os', 'os.version', 'os.features', 'author', 'docker_version'];
  const document = {
    ...Object.fromEntries(kept.filter((key) => key in before).map((key) => [key, before[key]])),
    config: container.config,
    container: container.id,
    container_config: container.config,
    created,
    history: [...history, step],
    rootfs: {
      type: 'layers',
      diff_ids: own.diffId === EMPTY ? parent.diffIds : [...parent.diffIds, own.diffId],
    },
  };
  return Buffer.from(JSON.stringify(document));
}

function isRunning({ name, id }: DockerContainer): EngineError {
  const message = `the container ${quoted(name)} is running, so that its files may change; stop it with docker stop ${id.slice(0, 12)}`;
  return engineError('IMAGE_IN_USE', message, { id });
}
