import { counted } from '../../reporting/counted.ts';
import { humanDuration } from '../../reporting/human-duration.ts';
import { humanSize } from '../../reporting/human-size.ts';
import type { BatchReport } from './report.ts';

/** How a batch stands, in one word and in sentences for people. */
export interface Verdict {
  is: 'good' | 'bad' | 'open';
  headline: string;
  sentences: string[];
}

export function verdictOf(report: BatchReport): Verdict {
  const failed = report.totals.images.failed + report.totals.sources.failed;
  const is = report.state === 'unfinished' ? 'open' : failed > 0 ? 'bad' : 'good';
  return { is, headline: headlineOf(report), sentences: [bytesSentence(report), timeSentence(report)] };
}

function headlineOf({ state, totals: { images, sources } }: BatchReport): string {
  const lost = sources.failed === 0 ? '' : `; ${counted(sources.failed, 'source')} could not be read`;
  if (images.total === 0) return `There are no images in it${lost}.`;
  const failed = images.failed === 0 ? '' : `, ${images.failed} failed`;
  if (state === 'unfinished') {
    const left = images.waiting + images.begun;
    return `Not finished: ${images.done} of ${counted(images.total, 'image')} done${failed}, ${left} to go${lost}.`;
  }
  if (images.failed === 0) {
    return `${images.total === 1 ? 'The one image is' : `All ${images.total} images are`} done${lost}.`;
  }
  if (images.done === 0) return `${images.total === 1 ? 'The one image' : `All ${images.total} images`} failed${lost}.`;
  return `${images.done} of ${counted(images.total, 'image')} done${failed}${lost}.`;
}

function bytesSentence({ totals }: BatchReport): string {
  const { layers, layersInImages, logicalBytes, distinctBytes, sentBytes } = totals;
  if (layers.total === 0) return 'There are no layers in it.';
  const layersText =
    layersInImages === layers.total
      ? `${counted(layers.total, 'layer')} of ${humanSize(distinctBytes)}`
      : `${counted(layersInImages, 'layer')} of ${humanSize(logicalBytes)} in the images, ${layers.total} distinct ones of ${humanSize(distinctBytes)}`;
  return `${layersText}; ${humanSize(sentBytes)} sent or written.`;
}

function timeSentence({ state, sittings, totals: { seconds } }: BatchReport): string {
  const [first, last] = [sittings[0], sittings.at(-1)];
  if (first === undefined || last === undefined) return 'Nothing has been done yet.';
  const pauses = sittings.length === 1 ? '' : ` in ${sittings.length} sittings`;
  const took = state === 'finished' ? 'It took' : 'So far';
  return `${took} ${humanDuration(seconds)}${pauses}, from ${momentText(first.from)} to ${momentText(last.to)} UTC.`;
}

/** `2026-05-06 12:00:00`, in UTC. */
export function momentText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
