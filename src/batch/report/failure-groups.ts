import { KIND_OF } from '../../errors/codes.ts';
import { isPassing } from '../../errors/passing.ts';
import { fromWire } from '../../errors/wire.ts';
import type { FailureClass } from '../ledger/ledger.ts';
import { adviceFor, isErrorCode } from './advice.ts';
import type { BatchReport, FailureGroup, ReportImage, ReportLayer } from './report.ts';

/** What has failed for good, by class and code. Sources that could not be read have no class but what their code says. */
export function groupFailures({
  images,
  layers,
  sourceFailures,
}: Pick<BatchReport, 'images' | 'layers' | 'sourceFailures'>): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  const groupOf = (kind: FailureClass, code: string): FailureGroup => {
    const name = `${kind} ${code}`;
    const group = groups.get(name) ?? newGroup(kind, code);
    groups.set(name, group);
    return group;
  };
  for (const [list, items] of [['images', images] as const, ['layers', layers] as const]) {
    for (const { place, failure } of failed(items)) groupOf(failure.class, failure.code)[list].push(place);
  }
  for (const [place, { code }] of sourceFailures.entries()) groupOf(classOf(code), code).sources.push(place);
  return [...groups.values()].toSorted((a, b) => weight(b) - weight(a));
}

const newGroup = (kind: FailureClass, code: string): FailureGroup => ({
  class: kind,
  code,
  advice: adviceFor(code, kind),
  images: [],
  layers: [],
  sources: [],
});

/** Images and sources are what a person counts; layers only fail on their way. */
const weight = ({ images, layers, sources }: FailureGroup): number =>
  images.length + sources.length + layers.length / 1e9;

function failed(
  items: readonly (ReportImage | ReportLayer)[],
): { place: number; failure: NonNullable<ReportImage['failure']> }[] {
  return items.flatMap(({ state, failure }, place) =>
    state === 'failed' && failure !== null ? [{ place, failure }] : [],
  );
}

/** Of a source that could not be read, by its code alone. */
function classOf(code: string): FailureClass {
  if (!isErrorCode(code)) return 'permanent';
  if (isPassing(fromWire({ code, message: '', details: {} }))) return 'passing';
  return KIND_OF[code] === 'Resource' ? 'resource' : 'permanent';
}
