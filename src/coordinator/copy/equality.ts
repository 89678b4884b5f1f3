import { engineError } from '../../errors/kinds.ts';

/**
 * What of an image is the same after a copy, from everything to the tars of its layers: `identical`: manifest, config and
 * layers byte for byte; `diffids`: the config and what is in the layers, packed anew, in the same manifest otherwise;
 * `manifest`: the config and what is in the layers, in a manifest that was made or translated; `config`: a config that
 * had to be made, because the image came in a form without one.
 */
export const EQUALITIES = ['identical', 'diffids', 'manifest', 'config'] as const;
export type Equality = (typeof EQUALITIES)[number];

const TEXTS: Readonly<Record<Equality, string>> = {
  identical: 'identical bytes: manifest, config and layers',
  diffids: 'same config and DiffIDs; layers packed anew',
  manifest: 'same config and DiffIDs; new manifest',
  config: 'new config and manifest',
};

export function equalityText(equality: Equality): string {
  return TEXTS[equality];
}

/** Where images have no manifests. */
export function v1EqualityText(equality: Equality): string {
  return equality === 'identical' ? 'same ids, JSON and layers' : 'same DiffIDs; new id and config';
}

/** Throws CHANGE_NOT_ALLOWED when an image would change more than somebody allows. */
export function refuseChange(name: string, found: Equality, allowed: Equality): void {
  if (EQUALITIES.indexOf(found) <= EQUALITIES.indexOf(allowed)) return;
  const message = `${name} would change more than ${JSON.stringify(allowed)} allows: ${equalityText(found)}; it was not copied`;
  throw engineError('CHANGE_NOT_ALLOWED', message, { name, change: found, allowed });
}
