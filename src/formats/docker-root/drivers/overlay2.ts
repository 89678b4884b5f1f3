import type { RootFiles } from '../root-files.ts';
import { layerMissing } from './missing.ts';
import type { RootDriver } from './root-driver.ts';

/** `<root>/overlay2/<id>/diff`: what the layer changes, whiteouts as devices; the layers below do not matter. */
export function overlay2Driver(files: RootFiles): RootDriver {
  return diffDriver('overlay2', files);
}

/** As overlay2, made by the program that rootless Docker uses. */
export function fuseOverlayDriver(files: RootFiles): RootDriver {
  return diffDriver('fuse-overlayfs', files);
}

/** A driver that keeps `<home>/<id>/diff`. */
export function diffDriver(home: string, files: RootFiles): RootDriver {
  const directory = async (id: string): Promise<string> =>
    (await files.directory(`${home}/${id}/diff`)) ?? layerMissing(home, id, `${home}/${id}/diff`);
  const changes: RootDriver['containerChanges'] = async (id) => ({
    from: 'changes',
    mount: { style: 'overlay', dir: await directory(id), lowers: [] },
  });
  return {
    name: home,
    has: async (id) => (await files.directory(`${home}/${id}/diff`)) !== null,
    directory,
    changes: (id) => changes(id, ''),
    containerChanges: changes,
  };
}
