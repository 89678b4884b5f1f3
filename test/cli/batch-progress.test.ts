import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BatchProgress } from '../../src/batch/events.ts';
import { batchFrame, batchLine, showBatch } from '../../src/cli/batch-progress.ts';
import { createProgress, type ProgressDisplay, type ProgressStyle } from '../../src/reporting/progress.ts';
import { imageDone, planned, PROGRESS, progressEvent } from '../support/batch-events.ts';

describe('a batch in one line', () => {
  it('has images, failures, bytes, speed and time left', () => {
    expect(batchLine(PROGRESS)).toBe('12/300 images, 3 failed, 1.2 GB of 4.5 GB, 210 MB/s, 16s left');
  });

  it('says only what is known', () => {
    const early: BatchProgress = {
      ...PROGRESS,
      images: { done: 0, failed: 0, total: 300 },
      bytesPerSecond: null,
      etaSeconds: null,
    };
    expect(batchLine(early)).toBe('0/300 images, 1.2 GB of 4.5 GB');
    const late = { ...PROGRESS, bytes: { done: 5, total: 5 }, etaSeconds: 0 };
    expect(batchLine(late)).toBe('12/300 images, 3 failed, 5 B of 5 B, 210 MB/s');
    const over = { ...PROGRESS, bytes: { done: 1, total: 5 }, bytesPerSecond: null, etaSeconds: 0 };
    expect(batchLine(over)).toBe('12/300 images, 3 failed, 1 B of 5 B');
  });
});

describe('a batch on a terminal', () => {
  it('is a bar for all of it, one for each layer under way, and the line', () => {
    const frame = batchFrame(PROGRESS, 80, 24);
    expect(frame).toHaveLength(3);
    expect(frame[0]).toMatch(/^all {21}\[=+> +\] 1\.2 GB\/4\.5 GB$/);
    expect(frame[1]).toMatch(/^images\.tar aaaaaaaaaaaa \[=+> +\] 10 B\/20 B$/);
    expect(frame[2]).toBe(batchLine(PROGRESS));
  });

  it('keeps within it', () => {
    const active = Array.from({ length: 100 }, (_, at) => ({
      ...PROGRESS.active[0]!,
      label: `\u001b[31m ${'x'.repeat(at)}`,
    }));
    for (const [columns, rows] of [
      [80, 24],
      [30, 6],
    ] as const) {
      const frame = batchFrame({ ...PROGRESS, active }, columns, rows);
      expect(frame.length).toBeLessThan(rows);
      expect(frame[0]).toMatch(/^all/);
      for (const line of frame) expect(line.length).toBeLessThan(columns);
      expect(frame.join('')).not.toContain('\u001b');
    }
  });
});

describe('the display of a run', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function display(style: ProgressStyle): { progress: ProgressDisplay; written: () => string } {
    let text = '';
    const output = { write: (piece: string): void => void (text += piece), columns: 100, rows: 24 };
    return { progress: createProgress(style, output), written: () => text };
  }

  it('shows bars in place of images, and takes them away', () => {
    const { progress, written } = display('bar');
    const batch = showBatch(progress);
    batch.note(planned(300, 40, 4_500_000_000));
    vi.advanceTimersByTime(100);
    expect(written()).toContain('0/300 images, 0 B of 4.5 GB');
    batch.note(progressEvent());
    vi.advanceTimersByTime(150);
    expect(written()).toContain('12/300 images');
    progress.line('a warning');
    expect(written()).toContain('\u001b[Ja warning\n');
    batch.close();
    const before = written();
    expect(before.endsWith('\u001b[J')).toBe(true);
    vi.advanceTimersByTime(1000);
    expect(written()).toBe(before);
  });

  it('writes a line now and then to a log, and a last one', () => {
    const { progress, written } = display('plain');
    const batch = showBatch(progress);
    for (const event of [progressEvent(), imageDone('i1')]) batch.note(event);
    vi.advanceTimersByTime(10_000);
    expect(written()).toBe(`layermill: ${batchLine(PROGRESS)}\n`.repeat(2));
    batch.close();
    expect(written()).toBe(`layermill: ${batchLine(PROGRESS)}\n`.repeat(3));
    vi.advanceTimersByTime(10_000);
    expect(written().split('\n')).toHaveLength(4);
  });

  it('writes each event as one line of JSON, and nothing else', () => {
    const { progress, written } = display('json');
    const batch = showBatch(progress);
    vi.advanceTimersByTime(5000);
    batch.note(imageDone('i1'));
    batch.close();
    expect(written()).toBe(`${JSON.stringify(imageDone('i1'))}\n`);
  });

  it('is silent where nothing is wanted', () => {
    const { progress, written } = display('none');
    const batch = showBatch(progress);
    batch.note(imageDone('i1'));
    vi.advanceTimersByTime(10_000);
    batch.close();
    expect(written()).toBe('');
  });
});
