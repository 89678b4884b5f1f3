import { counted } from '../../reporting/counted.ts';
import { humanDuration } from '../../reporting/human-duration.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { type FailureClass, STAGES } from '../ledger/ledger.ts';
import type { BatchReport, Counts, FailureGroup } from './report.ts';
import { pausesBetween } from './time-axis.ts';

/** How a batch stands, in one word and in sentences for people. */
export interface Verdict {
  is: 'good' | 'bad' | 'open';
  headline: string;
  sentences: string[];
}

export function verdictOf(report: BatchReport): Verdict {
  const failed = report.totals.images.failed;
  const is = report.state === 'unfinished' ? 'open' : failed > 0 ? 'bad' : 'good';
  return { is, headline: headlineOf(report), sentences: [bytesSentence(report), timeSentence(report)] };
}

function headlineOf({ state, totals: { images } }: BatchReport): string {
  if (images.total === 0) return 'There are no images in it.';
  const failed = images.failed === 0 ? '' : `, ${images.failed} failed`;
  if (state === 'unfinished') {
    const left = images.waiting + images.begun;
    return `Not finished: ${images.done} of ${counted(images.total, 'image')} done${failed}, ${left} to go.`;
  }
  const all = images.total === 1 ? 'The one image' : `All ${images.total} images`;
  if (images.failed === 0) return `${all} ${images.total === 1 ? 'is' : 'are'} done.`;
  return images.done === 0 ? `${all} failed.` : `${images.done} of ${counted(images.total, 'image')} done${failed}.`;
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
  return `${took} ${humanDuration(seconds)}${pauses}, from ${spanText(first.from, last.to)} UTC.`;
}

/** `2026-05-06 12:00:00`, in UTC. */
export function momentText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** `2026-05-06 12:00:00 to 12:05:01`, with the day again when it is another. */
export function spanText(from: string, to: string): string {
  const end = momentText(to);
  return `${momentText(from)} to ${from.slice(0, 10) === to.slice(0, 10) ? end.slice(11) : end}`;
}

/** `295 of 300 done, 5 failed`. */
export function countsText({ total, done, failed, begun, waiting }: Counts): string {
  const parts = [
    `${done} of ${total} done`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(begun > 0 ? [`${begun} begun`] : []),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
  ];
  return parts.join(', ');
}

/** What stands below the verdict: names, and what is to be said of them. */
export function factsOf({ totals, ledgers }: BatchReport): [name: string, value: string][] {
  const { images, layers, sources, sharedBytes, thereBytes, retries, warnings } = totals;
  return [
    ['Images', countsText(images)],
    ['Layers', countsText(layers)],
    ['Rate', rateText(totals)],
    ['Saved by sharing', humanSize(sharedBytes)],
    ['Was there before', `${humanSize(thereBytes)} of layers`],
    ['Attempts that were repeated', String(retries)],
    ['Warnings', String(warnings)],
    ['Sources', `${sources.read} read${sources.failed > 0 ? `, ${sources.failed} could not be` : ''}`],
    ['Ledger', ledgers.length === 1 ? ledgers[0]!.location : counted(ledgers.length, 'ledger')],
  ];
}

/** What a destination had before took no time. */
function rateText({ doneBytes, thereBytes, seconds }: BatchReport['totals']): string {
  const bytes = Math.max(0, doneBytes - thereBytes);
  return seconds === 0 ? 'not known' : `${humanSize(Number((bytes / seconds).toPrecision(3)))}/s of layers`;
}

/** The stages that took time, with their share of all. */
export function stageShares({ stages }: BatchReport): { stage: string; ms: number; text: string }[] {
  const all = STAGES.reduce((sum, stage) => sum + (stages[stage] ?? 0), 0);
  const taken = STAGES.map((stage) => ({ stage, ms: stages[stage] ?? 0 })).filter(({ ms }) => ms > 0);
  return taken.map(({ stage, ms }) => ({
    stage,
    ms,
    text: `${humanDuration(ms / 1000)}, ${((100 * ms) / all).toFixed(0)} %`,
  }));
}

/** What bars of so many seconds are, and when nobody was at it. */
export function throughputText(report: BatchReport, barSeconds: number = report.throughput.bucketSeconds): string {
  const what = `Each bar is ${bucketText(barSeconds)}; a layer counts when it is finished.`;
  const pauses = pausesBetween(report);
  if (pauses.length === 0) return what;
  const named = pauses.slice(0, 3).map(({ from, to }) => {
    const moment = momentText(new Date(from).toISOString());
    return `${humanDuration((to - from) / 1000)} from ${moment}`;
  });
  const more = pauses.length > 3 ? ` and ${pauses.length - 3} more` : '';
  return `${what} Nobody was at it for ${named.join(', ')}${more}: the ${pauses.length === 1 ? 'gap' : 'gaps'}.`;
}

/** `5 s`, `15 min`: buckets are as long as people count. */
function bucketText(seconds: number): string {
  const [length, unit] = (
    [
      [86_400, 'd'],
      [3600, 'h'],
      [60, 'min'],
    ] as const
  ).find(([long]) => seconds >= long) ?? [1, 's'];
  return `${seconds / length} ${unit}`;
}

export const CLASS_TEXTS: Readonly<Record<FailureClass, string>> = {
  passing: 'may pass',
  permanent: 'will not pass by itself',
  resource: 'the machine lacks something',
};

/** `5 images, 3 layers`. */
export function groupText({ images, layers }: FailureGroup): string {
  const parts = [
    ...(images.length > 0 ? [counted(images.length, 'image')] : []),
    ...(layers.length > 0 ? [counted(layers.length, 'layer')] : []),
  ];
  return parts.join(', ');
}

/** What failed in this way, and what was said. Layers fail on the way to their images: they are told when no image is. */
export function failuresOf(group: FailureGroup, { images, layers }: BatchReport): { what: string; why: string }[] {
  const failed = group.images.map((place) => {
    const { ref, failure } = images[place]!;
    return { what: ref, why: failure?.message ?? '' };
  });
  if (failed.length > 0) return failed;
  return group.layers.map((place) => {
    const { digest, failure } = layers[place]!;
    return { what: digest, why: failure?.message ?? '' };
  });
}
