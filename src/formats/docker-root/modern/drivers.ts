import { engineError } from '../../../errors/kinds.ts';
import { aufsDriver } from '../drivers/aufs.ts';
import { deviceMapperDriver, zfsDriver } from '../drivers/mounted.ts';
import { overlayDriver } from '../drivers/overlay.ts';
import { fuseOverlayDriver, overlay2Driver } from '../drivers/overlay2.ts';
import { btrfsDriver, vfsDriver } from '../drivers/tree-driver.ts';
import type { RootDriver } from '../drivers/root-driver.ts';
import type { RootFiles } from '../root-files.ts';

const DRIVERS: ReadonlyMap<string, (files: RootFiles) => RootDriver> = new Map([
  ['overlay2', overlay2Driver],
  ['fuse-overlayfs', fuseOverlayDriver],
  ['overlay', overlayDriver],
  ['vfs', vfsDriver],
  ['btrfs', btrfsDriver],
  ['aufs', aufsDriver],
  ['devicemapper', deviceMapperDriver],
  ['zfs', zfsDriver],
]);

/** The driver that a directory below `image` is named after. Throws DRIVER_UNKNOWN. */
export function graphDriver(name: string, files: RootFiles): RootDriver {
  const open = DRIVERS.get(name);
  if (open !== undefined) return open(files);
  const known = [...DRIVERS.keys()];
  const message = `the images of Docker's driver ${JSON.stringify(name)} cannot be read; known ones are ${known.join(', ')}`;
  throw engineError('DRIVER_UNKNOWN', message, { driver: name, known });
}
