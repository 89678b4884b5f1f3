import { engineError } from '../../../errors/kinds.ts';
import { aufsDriver } from '../v1/drivers/aufs.ts';
import { deviceMapperDriver, zfsDriver } from '../v1/drivers/mounted.ts';
import { overlayDriver } from '../v1/drivers/overlay.ts';
import { fuseOverlayDriver, overlay2Driver } from '../v1/drivers/overlay2.ts';
import { btrfsDriver, vfsDriver } from '../v1/drivers/tree-driver.ts';
import type { V1Driver } from '../v1/drivers/v1-driver.ts';
import type { RootFiles } from '../v1/root-files.ts';

const DRIVERS: ReadonlyMap<string, (files: RootFiles) => V1Driver> = new Map([
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
export function graphDriver(name: string, files: RootFiles): V1Driver {
  const open = DRIVERS.get(name);
  if (open !== undefined) return open(files);
  const known = [...DRIVERS.keys()];
  const message = `the images of Docker's driver ${JSON.stringify(name)} cannot be read; known ones are ${known.join(', ')}`;
  throw engineError('DRIVER_UNKNOWN', message, { driver: name, known });
}
