import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { cancelled, onAbort } from '../streams/abort.ts';
import { childrenCpuSeconds, treePeakBytes } from './process-usage.ts';
import type { Sample } from './report.ts';

/** A program and its arguments; `stdout` is a file, as `>` in a shell. */
export interface Command {
  args: readonly string[];
  stdout?: string;
}

export interface Ran {
  sample: Sample;
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The kernel keeps the peak, so what is missed is only the growth in the last moments before the end. */
const LOOK_EVERY_MS = 50;
/** A program that is over before the first look of the timer has been looked at once. */
const FIRST_LOOK_MS = 10;

/**
 * Runs a program to its end and measures it from outside, ours and others by the same means: the time from its start
 * to its end, CPU time as the kernel charges it to us for ended children (so nothing else may be started meanwhile), and
 * peak memory from looking at /proc. What a daemon does for it is not in there. Throws CANCELLED when the signal aborts.
 */
export async function measure({ args, stdout }: Command, signal: AbortSignal | undefined): Promise<Ran> {
  const file = stdout === undefined ? null : openSync(stdout, 'w');
  const cpuBefore = childrenCpuSeconds();
  const began = performance.now();
  const child = spawn(args[0]!, args.slice(1), { stdio: ['ignore', file ?? 'pipe', 'pipe'] });
  const deafen = onAbort(signal, () => child.kill());
  const memory = watchMemory(child);
  try {
    const texts = Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    const [code] = (await once(child, 'exit')) as [number | null];
    const seconds = (performance.now() - began) / 1000;
    const cpuAfter = childrenCpuSeconds();
    const [out, err] = await texts;
    if (signal?.aborted === true) throw cancelled(signal);
    const cpuSeconds = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
    return { sample: { seconds, cpuSeconds, peakBytes: memory.peak() }, code, stdout: out, stderr: err };
  } finally {
    memory.stop();
    deafen();
    if (file !== null) closeSync(file);
  }
}

function watchMemory({ pid }: ChildProcess): { peak: () => number | null; stop: () => void } {
  let peak: number | null = null;
  const look = (): void => {
    const now = pid === undefined ? null : treePeakBytes(pid);
    if (now !== null) peak = Math.max(peak ?? 0, now);
  };
  const first = setTimeout(look, FIRST_LOOK_MS);
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    peak: () => peak,
    stop: () => {
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}

async function textOf(stream: Readable | null): Promise<string> {
  return stream === null ? '' : (await buffer(stream)).toString();
}

/** The sum of several runs one after the other. */
export function sumOf(samples: readonly Sample[]): Sample {
  const sum = (values: (number | null)[]): number | null =>
    values.reduce((total, value) => (total === null || value === null ? null : total + value), 0);
  const peaks = samples.map((sample) => sample.peakBytes).filter((peak) => peak !== null);
  return {
    seconds: samples.reduce((total, { seconds }) => total + seconds, 0),
    cpuSeconds: sum(samples.map((sample) => sample.cpuSeconds)),
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
  };
}
