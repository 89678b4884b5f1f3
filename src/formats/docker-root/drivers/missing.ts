import { engineError } from '../../../errors/kinds.ts';

/** Throws LAYER_NOT_FOUND. */
export function layerMissing(driver: string, id: string, where: string): never {
  const message = `layer ${id} is missing: there is no directory ${JSON.stringify(where)}; restore it, or pull the image again`;
  throw engineError('LAYER_NOT_FOUND', message, { driver, id });
}
