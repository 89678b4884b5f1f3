import type { FailureClass } from '../ledger/ledger.ts';
import { adviceFor } from './advice.ts';
import type { BatchReport, FailureGroup, ReportImage, ReportLayer } from './report.ts';

/** What has failed for good, by class and code, most images first. */
export function groupFailures({ images, layers }: Pick<BatchReport, 'images' | 'layers'>): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  const groupOf = (kind: FailureClass, code: string): FailureGroup => {
    const name = `${kind} ${code}`;
    const group = groups.get(name) ?? { class: kind, code, advice: adviceFor(code, kind), images: [], layers: [] };
    groups.set(name, group);
    return group;
  };
  for (const [list, items] of [['images', images] as const, ['layers', layers] as const]) {
    for (const { place, failure } of failed(items)) groupOf(failure.class, failure.code)[list].push(place);
  }
  return [...groups.values()].toSorted((a, b) => weight(b) - weight(a));
}

/** Images are what a person counts; layers only fail on their way. */
const weight = ({ images, layers }: FailureGroup): number => images.length + layers.length / 1e9;

function failed(
  items: readonly (ReportImage | ReportLayer)[],
): { place: number; failure: NonNullable<ReportImage['failure']> }[] {
  return items.flatMap(({ state, failure }, place) =>
    state === 'failed' && failure !== null ? [{ place, failure }] : [],
  );
}
