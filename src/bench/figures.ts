import { counted } from '../reporting/counted.ts';
import { type BenchCase, type CorpusFacts, type Entrant, secondsOf } from './report.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** The numbers of one entrant that are shown, from the medians of its rounds. */
export interface Figures {
  seconds: Spread;
  /** Bytes of tar in a second: median, and what the slowest and the fastest round give. */
  bytesPerSecond: Spread;
  entriesPerSecond: number;
  imagesPerSecond: number;
  /** Bytes made over bytes worked through; null where a tree is made. */
  ratio: number | null;
  cpuSeconds: number | null;
  /** The highest of all rounds. */
  peakBytes: number | null;
}

/** Null while there is no round yet. */
export function figuresOf({ work }: Pick<BenchCase, 'work'>, entrant: Entrant): Figures | null {
  if (entrant.samples.length === 0) return null;
  const seconds = spreadOf(secondsOf(entrant));
  const cpu = entrant.samples.map((sample) => sample.cpuSeconds).filter((value) => value !== null);
  const peaks = entrant.samples.map((sample) => sample.peakBytes).filter((value) => value !== null);
  return {
    seconds,
    bytesPerSecond: {
      min: work.bytes / seconds.max,
      median: work.bytes / seconds.median,
      max: work.bytes / seconds.min,
    },
    entriesPerSecond: work.entries / seconds.median,
    imagesPerSecond: work.images / seconds.median,
    ratio: entrant.outBytes === null ? null : entrant.outBytes / work.bytes,
    cpuSeconds: cpu.length === 0 ? null : spreadOf(cpu).median,
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
  };
}

/** What a row of a table shows of them: seconds, their range, MB/s, entries/s, images/s, ratio, CPU s and peak MB. */
export function figureCells(figures: Figures): string[] {
  const { imagesPerSecond: images, peakBytes } = figures;
  return [
    figures.seconds.median.toFixed(2),
    rangeOf(figures.seconds),
    (figures.bytesPerSecond.median / 1e6).toFixed(0),
    figures.entriesPerSecond.toFixed(0),
    images < 10 ? images.toPrecision(2) : images.toFixed(0),
    figures.ratio?.toFixed(3) ?? '',
    figures.cpuSeconds?.toFixed(2) ?? '',
    peakBytes === null ? '' : (peakBytes / 1e6).toFixed(0),
  ];
}

export const rangeOf = ({ min, max }: Spread): string => `${min.toFixed(2)}–${max.toFixed(2)}`;

/** `layermill, 2 threads`. */
export function entrantName({ tool, threads }: Pick<Entrant, 'tool' | 'threads'>): string {
  if (threads === null) return tool;
  return `${tool}, ${counted(threads, 'thread')}`;
}

/** What was measured, in a line. */
export function corpusLine({ images, layers, bytes, entries, description }: CorpusFacts): string {
  const size = `${(bytes / 1e6).toFixed(0)} MB in ${entries} entries`;
  return `${counted(images, 'image')} of ${counted(layers, 'distinct layer')}, ${size} (${description})`;
}
