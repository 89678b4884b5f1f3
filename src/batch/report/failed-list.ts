import { parseLocation } from '../../formats/transports.ts';
import type { BatchReport, ReportImage } from './report.ts';

/** One image or source, and where it goes. */
export interface FailedLine {
  source: string;
  target: string;
}

/**
 * What has failed for good, as lines of a list that a run takes: each image by its name in its source, a source that could
 * not be read as a whole. An index and its images are one line.
 */
export function failedLines({ images }: Pick<BatchReport, 'images'>): FailedLine[] {
  const failed = images.filter(({ state }) => state === 'failed');
  const withIndex = new Set(failed.filter(({ kind }) => kind === 'index').map(origin));
  const own = failed.filter((image) => !isMember(image) || !withIndex.has(origin(image)));
  const lines = own.flatMap((image) => {
    const { place, source, destination } = image;
    return place === null ? [{ source, target: destination }] : linesOf(image);
  });
  return [...new Map(lines.map((line) => [JSON.stringify(line), line])).values()];
}

const isMember = ({ kind, names, tags }: ReportImage): boolean =>
  kind === 'image' && names.length === 0 && tags.length === 0;
const origin = ({ source, destination }: ReportImage): string => JSON.stringify([source, destination]);

/** Who asks for an image by one of its names gets only that, so each further one is a line. */
function linesOf({ source, ref, names, destination, tags }: ReportImage): FailedLine[] {
  const from = namedSource(source, ref);
  const { transport, ref: named } = parseLocation(destination);
  if (transport === 'docker' && tags.length > 0)
    return tags.map((tag) => ({ source: from, target: `${destination}:${tag}` }));
  const isSame = names.length === 0 || (names.length === 1 && names[0] === ref);
  // A layout can be added to by one name after the other; an archive is written once.
  if (!isSame && transport === 'oci' && named === null)
    return names.map((name) => ({ source: from, target: `${destination}:${name}` }));
  if (!isSame && names.includes(ref))
    return names.map((name) => ({ source: namedSource(source, name), target: destination }));
  return [{ source: from, target: destination }];
}

const WITH_REF: readonly (string | null)[] = ['docker-archive', 'oci', 'oci-archive', 'docker-root', 'containers-root'];

/**
 * One image of a source: `docker-archive:/a.tar` and `app:1` are `docker-archive:/a.tar:app:1`, the image of an index is that
 * index, and one without a name is asked for by its place. Of a bare path the kind is found out when it is opened, so it
 * stands for all in it.
 */
function namedSource(location: string, ref: string): string {
  const { transport, ref: known } = parseLocation(location);
  if (known !== null || !WITH_REF.includes(transport)) return location;
  const place = /^#(\d+)$/.exec(ref);
  return `${location}:${place === null ? ref.replace(/ \([^()]*\)$/, '') : `@${place[1]}`}`;
}
