import type { TarSource } from '../../../archive/tar-source.ts';
import type { RootFiles } from '../root-files.ts';
import { layerMissing } from './missing.ts';
import type { RootDriver } from './root-driver.ts';

/** `<root>/aufs/diff/<id>`: a branch, which is a changeset with `.wh.` files in it. What is below a layer does not matter. */
export function aufsDriver(files: RootFiles): RootDriver {
  return branchDriver('aufs', files, (id) => [`aufs/diff/${id}`]);
}

/** Docker before 0.7 knew aufs only, and kept the branches beside the metadata. */
export function oldestDriver(files: RootFiles): RootDriver {
  return branchDriver('aufs before 0.7', files, (id) => [`graph/${id}/layer`, `containers/${id}/rw`]);
}

function branchDriver(name: string, files: RootFiles, places: (id: string) => string[]): RootDriver {
  const find = async (id: string): Promise<string | null> => {
    for (const place of places(id)) {
      const found = await files.directory(place);
      if (found !== null) return found;
    }
    return null;
  };
  const directory = async (id: string): Promise<string> => (await find(id)) ?? layerMissing(name, id, places(id)[0]!);
  const changes = async (id: string): Promise<TarSource> => ({ from: 'directory', dir: await directory(id) });
  return { name, has: async (id) => (await find(id)) !== null, directory, changes, containerChanges: changes };
}
