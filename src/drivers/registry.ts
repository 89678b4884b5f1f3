import { engineError } from '../errors/kinds.ts';
import type { Driver, DriverContext } from './driver.ts';
import { openOverlay2 } from './overlay2.ts';
import { openVfs } from './vfs.ts';

const DRIVERS: Readonly<Record<string, (context: DriverContext) => Promise<Driver>>> = {
  overlay2: openOverlay2,
  vfs: openVfs,
};

export const DRIVER_NAMES: readonly string[] = Object.keys(DRIVERS);

/** Opens a driver by its name. Throws DRIVER_UNKNOWN. */
export async function openDriver(name: string, context: DriverContext): Promise<Driver> {
  const open = Object.hasOwn(DRIVERS, name) ? DRIVERS[name] : undefined;
  if (open !== undefined) return open(context);
  const known = DRIVER_NAMES.join(', ');
  throw engineError('DRIVER_UNKNOWN', `no driver ${JSON.stringify(name)}; known are ${known}`, {
    driver: name,
    known: [...DRIVER_NAMES],
  });
}
