import type { TarSource } from '../../../../archive/tar-source.ts';
import type { RootFiles } from '../root-files.ts';
import { layerMissing } from './missing.ts';
import type { V1Driver } from './v1-driver.ts';

/** `<root>/aufs/diff/<id>`: a branch, which is a changeset with `.wh.` files in it. What is below a layer does not matter. */
export function aufsDriver(files: RootFiles): V1Driver {
  return branchDriver('aufs', files, (id) => `aufs/diff/${id}`);
}

/** Docker before 0.7 knew aufs only, and kept the branches beside the metadata. */
export function oldestDriver(files: RootFiles): V1Driver {
  return branchDriver('aufs before 0.7', files, (id) => `graph/${id}/layer`);
}

function branchDriver(name: string, files: RootFiles, place: (id: string) => string): V1Driver {
  const directory = async (id: string): Promise<string> =>
    (await files.directory(place(id))) ?? layerMissing(name, id, place(id));
  const changes = async (id: string): Promise<TarSource> => ({ from: 'directory', dir: await directory(id) });
  return {
    name,
    has: async (id) => (await files.directory(place(id))) !== null,
    directory,
    changes,
    containerChanges: changes,
  };
}
