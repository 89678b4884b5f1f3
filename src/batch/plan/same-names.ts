import { quoted } from '../../image/strict-json.ts';
import type { PlannedImage } from './plan.ts';
import { takesOneImage } from './target.ts';

/**
 * Of two things that would be called the same in one destination, or that both go where there is place for one, the later one
 * gets a problem: else which of them is there in the end would be chance.
 */
export function refuseSameNames(images: readonly PlannedImage[]): PlannedImage[] {
  const owners = new Map<string, PlannedImage>();
  return images.map((image) => {
    if (image.problem !== null || image.inIndex !== null || image.kind === 'artifact') return image;
    for (const name of claimsOf(image)) {
      const key = `${image.destination} ${name}`;
      const owner = owners.get(key);
      if (owner === undefined) owners.set(key, image);
      else if (owner.digest === null || owner.digest !== image.digest) return withProblem(image, owner, name);
    }
    return image;
  });
}

function claimsOf({ destination, names, only, additional }: PlannedImage): readonly string[] {
  if (only !== null) return [only, ...additional];
  return takesOneImage(destination) ? [''] : names;
}

function withProblem(image: PlannedImage, owner: PlannedImage, name: string): PlannedImage {
  const what = name === '' ? quoted(image.destination) : `${quoted(name)} in ${quoted(image.destination)}`;
  const message = `${quoted(owner.ref)} and ${quoted(image.ref)} would both be ${what}; put {name} or {tag} into the target, or rename one`;
  return {
    ...image,
    blobs: [],
    problem: { code: 'INVALID_ARGUMENT', message, details: { argument: 'target', value: image.destination } },
  };
}
