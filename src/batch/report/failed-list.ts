import { parseLocation } from '../../formats/transports.ts';
import type { BatchReport, ReportImage } from './report.ts';

/** How a list says one source and where it goes, in one line. */
export type ListLine = (source: string, target: string) => string;

/**
 * What has failed for good, as a list that a run takes: a line for each image by its name in its source, and for each
 * source that could not be read. An index and its images are one line.
 */
export function failedList({ images, sourceFailures }: BatchReport, line: ListLine): string {
  const failed = images.filter(({ state }) => state === 'failed');
  const withIndex = new Set(failed.filter(({ kind }) => kind === 'index').map(origin));
  const own = failed.filter((image) => !isMember(image) || !withIndex.has(origin(image)));
  const lines = [
    ...own.map((image) => line(sourceOf(image), targetOf(image))),
    ...sourceFailures.flatMap(({ location, target }) => (target === null ? [] : [line(location, target)])),
  ];
  return [...new Set(lines)].map((text) => `${text}\n`).join('');
}

const isMember = ({ kind, names }: ReportImage): boolean => kind === 'image' && names.length === 0;
const origin = ({ source, destination }: ReportImage): string => JSON.stringify([source, destination]);

/** Only transports whose locations end in a name can be asked for one image; of the others it is all that is there. */
function sourceOf({ source, ref }: ReportImage): string {
  const place = /^#(\d+)$/.exec(ref);
  return withName(source, place === null ? ref : `@${place[1]}`);
}

/** An image with another name than in its source is told its name. */
function targetOf({ destination, ref, names }: ReportImage): string {
  return names.length === 0 || names.includes(ref) ? destination : withName(destination, names[0]!);
}

const NAMEABLE: ReadonlySet<string> = new Set([
  'docker-archive',
  'oci',
  'oci-archive',
  'docker-root',
  'containers-root',
]);

function withName(location: string, name: string): string {
  const { transport, ref } = parseLocation(location);
  return transport !== null && ref === null && NAMEABLE.has(transport) ? `${location}:${name}` : location;
}
