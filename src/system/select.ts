import { hasCode } from '../errors/kinds.ts';
import { openLinuxSystem } from './linux.ts';
import { openPortableSystem } from './portable.ts';
import type { System } from './system.ts';

/**
 * The best implementation this thread can have: direct calls, or the portable one where they are not to be had
 * (another platform, no koffi, a kernel or filter that refuses openat2) or not wanted. Each call probes anew and
 * gives an object of its own: open one a thread and keep it.
 */
export function openSystem(options: { prefer?: 'linux' | 'portable' } = {}): System {
  if (options.prefer === 'portable') return openPortableSystem();
  try {
    return openLinuxSystem();
  } catch (error) {
    if (hasCode(error, 'UNSUPPORTED_PLATFORM')) return openPortableSystem();
    throw error;
  }
}
