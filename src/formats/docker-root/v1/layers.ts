import type { TarSource } from '../../../archive/tar-source.ts';
import type { EngineError } from '../../../errors/engine-error.ts';
import { asEngineError } from '../../../errors/wire.ts';
import { layerMissing } from '../drivers/missing.ts';
import { aufsDriver, oldestDriver } from '../drivers/aufs.ts';
import { deviceMapperDriver, zfsDriver } from '../drivers/mounted.ts';
import { overlayDriver } from '../drivers/overlay.ts';
import { btrfsDriver, vfsDriver } from '../drivers/tree-driver.ts';
import type { RootDriver } from '../drivers/root-driver.ts';
import type { RootFiles } from '../root-files.ts';

/** Those that can be read from any machine first. */
const DRIVERS: readonly ((files: RootFiles) => RootDriver)[] = [
  vfsDriver,
  aufsDriver,
  overlayDriver,
  btrfsDriver,
  oldestDriver,
  deviceMapperDriver,
  zfsDriver,
];

/** A layer that can be read now, by the driver that has it. */
export interface FoundLayer {
  driver: RootDriver;
  changes: TarSource;
}

/** The layers of a data directory, whichever drivers it was used with. */
export class RootLayers {
  readonly #drivers: readonly RootDriver[];

  constructor(files: RootFiles) {
    this.#drivers = DRIVERS.map((open) => open(files));
  }

  /** Throws LAYER_NOT_FOUND, LAYER_NOT_MOUNTED, ENTRY_OUTSIDE_ROOT, … when no driver can give what the layer changes. */
  async find(id: string, parent: string | null): Promise<FoundLayer> {
    return this.#first(id, (driver) => driver.changes(id, parent));
  }

  /**
   * As `find`, for what a container changed. `clean` is false when the layer has what Docker puts where it mounts things:
   * then the init layer that would tell it apart has gone.
   */
  async findContainer(id: string, image: string): Promise<FoundLayer & { clean: boolean }> {
    const init = `${id}-init`;
    let clean = false;
    const found = await this.#first(id, async (driver) => {
      clean = await driver.has(init);
      return driver.containerChanges(id, clean ? init : image);
    });
    return { ...found, clean: clean || found.changes.from === 'directory' };
  }

  async #first(id: string, changesOf: (driver: RootDriver) => Promise<TarSource>): Promise<FoundLayer> {
    let problem: EngineError | null = null;
    for (const driver of this.#drivers) {
      try {
        if (await driver.has(id)) return { driver, changes: await changesOf(driver) };
      } catch (error) {
        problem ??= asEngineError(error);
      }
    }
    throw problem ?? layerMissing('any', id, `<driver>/…/${id}`);
  }
}
