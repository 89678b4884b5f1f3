import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultDriver } from '../drivers/select.ts';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { processLives } from '../streams/lock-file.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import { LOCK_FILE } from './store-lock.ts';

const MARKER = 'layermill.json';
const FORMAT = 1;

/** What a directory is to us. */
export interface StoreState {
  /** Ours to write: it carries our marker, is empty, or does not exist. */
  ours: boolean;
  driver: string;
}

interface Marker {
  format: number;
  driver: string;
}

/**
 * Looks at a store's directory before anything is opened: whose it is and which driver it uses. `wanted` is a driver's
 * name or `auto`. Throws STORE_FORMAT_NEWER, DRIVERS_AMBIGUOUS, and DRIVER_UNKNOWN's cousin INVALID_ARGUMENT where the
 * store says another driver.
 */
export function examineStore(root: string, wanted: string): StoreState {
  const marker = readMarker(root);
  if (marker !== null) {
    if (wanted !== 'auto' && wanted !== marker.driver) throw otherDriver(root, marker.driver, wanted);
    return { ours: true, driver: marker.driver };
  }
  const names = entries(root);
  const drivers = names.flatMap((name) =>
    name.startsWith('repositories-') ? [name.slice('repositories-'.length)] : [],
  );
  const empty = names.every((name) => name === LOCK_FILE);
  if (wanted !== 'auto') return { ours: empty, driver: wanted };
  if (drivers.length > 1) {
    const message = `the directory ${JSON.stringify(root)} has data of several drivers (${drivers.join(', ')}); say which with --driver`;
    throw engineError('DRIVERS_AMBIGUOUS', message, { root, drivers });
  }
  return { ours: empty, driver: drivers[0] ?? defaultDriver() };
}

/** Refuses to write where a newer Docker or a living daemon is at home. Throws STORE_IN_USE. */
export function refuseForeignHome(root: string): void {
  for (const sign of ['image', 'containerd', 'engine-id']) {
    if (existsSync(join(root, sign))) {
      throw inUse(root, `a newer Docker (it has ${JSON.stringify(sign)})`);
    }
  }
  for (const file of ['docker.pid', '../docker.pid']) {
    const pid = readPid(join(root, file));
    if (pid !== null && processLives(pid)) throw inUse(root, `the Docker daemon with process number ${pid}`);
  }
}

/** Makes the directory ours. */
export async function writeMarker(root: string, driver: string): Promise<void> {
  if (readMarker(root) !== null) return;
  await writeFileAtomic(join(root, MARKER), `${JSON.stringify({ format: FORMAT, driver })}\n`);
}

function readMarker(root: string): Marker | null {
  let text: string;
  try {
    text = readFileSync(join(root, MARKER), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const marker = parseMarker(text);
  if (marker === null) {
    throw engineError('NOT_A_STORE', `the file ${JSON.stringify(join(root, MARKER))} is damaged`, { root });
  }
  if (marker.format <= FORMAT) return marker;
  const message = `the store ${JSON.stringify(root)} has format ${marker.format}, written by a newer layermill; this one reads up to ${FORMAT}`;
  throw engineError('STORE_FORMAT_NEWER', message, { root, format: marker.format });
}

function parseMarker(text: string): Marker | null {
  try {
    const { format, driver } = JSON.parse(text) as Partial<Marker>;
    return typeof format === 'number' && typeof driver === 'string' ? { format, driver } : null;
  } catch {
    return null;
  }
}

function entries(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function inUse(root: string, by: string): Error {
  const message = `the directory ${JSON.stringify(root)} belongs to ${by}; choose another --root`;
  return engineError('STORE_IN_USE', message, { root, by });
}

function otherDriver(root: string, driver: string, wanted: string): Error {
  const message = `the store ${JSON.stringify(root)} uses the driver ${driver}, not ${wanted}; leave --driver away`;
  return engineError('INVALID_ARGUMENT', message, { argument: '--driver', value: wanted });
}
