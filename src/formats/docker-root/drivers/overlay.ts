import { type LayerMount, wholeTree } from '../../../archive/layer-mount.ts';
import type { TarSource } from '../../../archive/tar-source.ts';
import { engineError } from '../../../errors/kinds.ts';
import { isImageId } from '../../../identity/image-id.ts';
import type { RootFiles } from '../root-files.ts';
import { layerMissing } from './missing.ts';
import type { RootDriver } from './root-driver.ts';

const NAME = 'overlay';

/**
 * `<root>/overlay/<id>`: an image's whole tree in `root`, hard links to its parent's where nothing changed; of a
 * container what it changed in `upper`, over the `root` of the image that `lower-id` names.
 */
export function overlayDriver(files: RootFiles): RootDriver {
  const root = (id: string): Promise<string | null> => files.directory(`${NAME}/${id}/root`);
  const upper = (id: string): Promise<string | null> => files.directory(`${NAME}/${id}/upper`);

  const mount = async (id: string): Promise<LayerMount> => {
    const tree = await root(id);
    if (tree !== null) return wholeTree(tree);
    const changed = (await upper(id)) ?? layerMissing(NAME, id, `${NAME}/${id}`);
    const lower = await lowerOf(files, id);
    return {
      style: 'overlay',
      dir: changed,
      lowers: [(await root(lower)) ?? layerMissing(NAME, lower, `${NAME}/${lower}/root`)],
    };
  };

  return {
    name: NAME,
    has: async (id) => ((await root(id)) ?? (await upper(id))) !== null,
    directory: async (id) => (await root(id)) ?? (await upper(id)) ?? layerMissing(NAME, id, `${NAME}/${id}`),
    changes: async (id, parent): Promise<TarSource> => {
      const own = await mount(id);
      if (own.style === 'overlay') return { from: 'changes', mount: own };
      return { from: 'tree', dir: own.dir, parent: parent === null ? null : await mount(parent) };
    },
    // The upper directory of a container began as a copy of its init layer's.
    containerChanges: async (id, below): Promise<TarSource> => ({
      from: 'mounts',
      mount: await mount(id),
      parent: await mount(below),
    }),
  };
}

async function lowerOf(files: RootFiles, id: string): Promise<string> {
  const lower = (await files.text(`${NAME}/${id}/lower-id`)) ?? '';
  if (isImageId(lower)) return lower;
  const message = `layer ${id} cannot be read: ${NAME}/${id}/lower-id names no image`;
  throw engineError('DRIVER_FAILED', message, { driver: NAME, operation: 'lower-id', id });
}
