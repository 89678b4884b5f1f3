import type { Settings } from '../config/settings.ts';
import { badArgument } from '../errors/arguments.ts';
import { memoryOf, threadCount } from '../pool/cpu-count.ts';
import { humanSize } from '../reporting/human-size.ts';
import type { BatchLimits } from './batch.ts';

/**
 * The settings with as few threads as the memory of a batch allows: each works in buffers of a known size, whatever the size of
 * layers. Throws INVALID_ARGUMENT for less than one thread needs.
 */
export function settingsWithin<Some extends Pick<Settings, 'threads'>>(
  settings: Some,
  { memoryBytes }: BatchLimits,
): Some {
  if (memoryBytes === undefined) return settings;
  if (memoryBytes < memoryOf(1)) {
    const message = `one thread needs ${humanSize(memoryOf(1))} of memory, more than memoryBytes (${humanSize(memoryBytes)}) allows`;
    throw badArgument('memoryBytes', message);
  }
  let threads = threadCount(settings.threads);
  while (threads > 1 && memoryOf(threads) > memoryBytes) threads -= 1;
  return { ...settings, threads };
}
