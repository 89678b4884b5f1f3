import { wholeTree } from '../../../archive/layer-mount.ts';
import type { TarSource } from '../../../archive/tar-source.ts';
import { layerMissing } from './missing.ts';
import type { RootFiles } from '../root-files.ts';
import type { RootDriver } from './root-driver.ts';

/** A driver whose every layer is a whole file tree: vfs, btrfs, and what has to be mounted. */
export function treeDriver(name: string, has: RootDriver['has'], directory: RootDriver['directory']): RootDriver {
  const changes = async (id: string, parent: string | null): Promise<TarSource> => {
    const below = parent === null ? null : wholeTree(await directory(parent));
    return { from: 'tree', dir: await directory(id), parent: below };
  };
  return { name, has, directory, changes, containerChanges: changes };
}

/** `<root>/vfs/dir/<id>`: copies. */
export function vfsDriver(files: RootFiles): RootDriver {
  return plainTrees('vfs', 'vfs/dir', files);
}

/** `<root>/btrfs/subvolumes/<id>`: snapshots, which read like any directory. */
export function btrfsDriver(files: RootFiles): RootDriver {
  return plainTrees('btrfs', 'btrfs/subvolumes', files);
}

function plainTrees(name: string, home: string, files: RootFiles): RootDriver {
  return treeDriver(
    name,
    async (id) => (await files.directory(`${home}/${id}`)) !== null,
    async (id) => (await files.directory(`${home}/${id}`)) ?? layerMissing(name, id, `${home}/${id}`),
  );
}
