import { release } from 'node:os';

/** The first Linux that lets an ordinary user make overlay whiteouts (0:0 devices). */
const OVERLAY_SINCE = [5, 8] as const;

/**
 * The driver for a store that has none yet. The layout of overlay2 needs no privilege, only mounting does.
 * @param kernel as `uname -r` says it, `6.1.0-18-amd64`
 */
export function defaultDriver(platform: string = process.platform, kernel: string = release()): 'overlay2' | 'vfs' {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const [sinceMajor, sinceMinor] = OVERLAY_SINCE;
  const since = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  return platform === 'linux' && since ? 'overlay2' : 'vfs';
}
