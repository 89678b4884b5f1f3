import type { BatchEvent, BatchProgress } from '../batch/events.ts';
import { NO_PROGRESS, progressAfter } from '../batch/progress.ts';
import { fitted } from '../reporting/printable.ts';
import { humanSize } from '../reporting/human-size.ts';
import { bars, shortDuration } from '../reporting/progress-text.ts';
import type { ProgressDisplay } from '../reporting/progress.ts';

export interface BatchDisplay {
  /** Remembers how far the batch is, and prints the event where events are wanted. */
  note(event: BatchEvent): void;
  /** Takes the bars away; a log gets a last line. */
  close(): void;
}

/**
 * Shows a batch on the display of the run: on a terminal a bar for all of it and one for each layer under way, in a log a
 * line every few seconds, for programs each event as a line of JSON.
 */
export function showBatch(progress: ProgressDisplay): BatchDisplay {
  let now = NO_PROGRESS;
  const end = progress.show({
    frame: (columns, rows) => batchFrame(now, columns, rows),
    line: () => `layermill: ${batchLine(now)}`,
  });
  return {
    note: (event) => {
      now = progressAfter(event, now);
      if (progress.style === 'json') progress.line(JSON.stringify(event));
    },
    close: () => {
      end();
      // Of what failed before it was planned there is nothing to say.
      if (progress.style === 'plain' && now !== NO_PROGRESS) progress.line(`layermill: ${batchLine(now)}`);
    },
  };
}

/** Layers under way, all of the batch, and what it amounts to. */
export function batchFrame(progress: BatchProgress, columns: number, rows: number): string[] {
  const { active, bytes } = progress;
  const whole = { label: 'all', bytes: bytes.done, totalBytes: bytes.total };
  // The whole is first: it stays where it is while others come and go, and is never among those that do not fit.
  return [...bars([whole, ...active], columns, rows), fitted(batchLine(progress), columns - 1)];
}

/** `12/300 images, 3 failed, 1.2 GB of 4.5 GB, 210 MB/s, 16s left` */
export function batchLine({ images, bytes, bytesPerSecond, etaSeconds }: BatchProgress): string {
  const parts = [`${images.done}/${images.total} images`];
  if (images.failed > 0) parts.push(`${images.failed} failed`);
  parts.push(`${rounded(bytes.done)} of ${rounded(bytes.total)}`);
  if (bytesPerSecond !== null) parts.push(`${rounded(bytesPerSecond, 2)}/s`);
  // Where the rest has failed there is nothing to wait for.
  if (etaSeconds !== null && etaSeconds > 0 && bytes.done < bytes.total)
    parts.push(`${shortDuration(etaSeconds)} left`);
  return parts.join(', ');
}

/** More digits would only flicker. */
function rounded(bytes: number, digits = 3): string {
  return humanSize(Number(bytes.toPrecision(digits)));
}
