import { parseDockerDestination } from '../../formats/distribution/docker-reference.ts';
import { parseLocation } from '../../formats/transports.ts';
import { DEFAULT_TAG, parseRepositoryTag } from '../../identity/reference.ts';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { PlannedImage } from '../plan/plan.ts';
import type { DoneImage } from '../run/item-work.ts';
import type { ExpectedImage } from './verified-image.ts';

/** What a ledger says has been brought somewhere, in the order of its plan. What went nowhere, or stayed behind, is left out. */
export function expectedImages(rows: readonly LedgerRow[]): ExpectedImage[] {
  return rows.flatMap(({ item, state, result }) => {
    if (item.kind !== 'image' || state !== 'done' || result === null) return [];
    const expected = expectedImage(item.data as unknown as PlannedImage, result.data as unknown as DoneImage);
    return expected === null ? [] : [expected];
  });
}

function expectedImage(planned: PlannedImage, done: DoneImage): ExpectedImage | null {
  const { key, kind, destination } = planned;
  const { transport } = parseLocation(destination);
  if (transport === 'null' || (kind === 'artifact' && done.digest === null)) return null;
  const hasNames = planned.inIndex === null && kind !== 'artifact';
  // A layout makes a name of its own from the one that something without a name was given there.
  const isNamedThere = transport === 'docker' || planned.names.length > 0;
  return {
    key,
    kind,
    destination,
    names: hasNames && isNamedThere ? done.names : [],
    digest: done.digest,
    // One that had to be made is not the one of the source.
    configDigest: done.equality === 'config' ? null : planned.configDigest,
    ...(transport === 'docker' ? { tags: hasNames ? tagsOf(planned) : [] } : {}),
  };
}

function tagsOf({ destination, only, additional }: PlannedImage): string[] {
  const parsed = parseDockerDestination(destination.slice('docker:'.length));
  const own = only ?? ('tag' in parsed ? parsed.tag : null) ?? DEFAULT_TAG;
  return [own, ...additional.map((name) => parseRepositoryTag(name).reference)];
}
