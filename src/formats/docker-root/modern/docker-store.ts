import type { FormatContext } from '../../context.ts';
import type { RootDriver } from '../drivers/root-driver.ts';
import { RootFiles } from '../root-files.ts';
import { chooseImages, type WantedImage } from './choose-images.ts';
import { graphDriver } from './drivers.ts';
import { ImageStore } from './image-store.ts';
import { LayerStore } from './layer-store.ts';

/** One `image/<driver>` of a data directory. */
export interface DockerStore {
  files: RootFiles;
  driver: RootDriver;
  images: ImageStore;
  layers: LayerStore;
  /** What was found odd in it. */
  warnings: string[];
}

/** Throws DRIVER_UNKNOWN. */
export async function openStore(path: string, driver: string, context: FormatContext): Promise<DockerStore> {
  const files = await RootFiles.open(path);
  const home = `image/${driver}`;
  return {
    files,
    driver: graphDriver(driver, files),
    images: new ImageStore(files, home, context.documents),
    layers: new LayerStore(files, home),
    warnings: [],
  };
}

/** The images that are to be given or listed. */
export async function wantedImages({ images, warnings }: DockerStore, ref: string | null): Promise<WantedImage[]> {
  return chooseImages(await images.ids(), await images.names(warnings), await images.parents(), ref);
}
