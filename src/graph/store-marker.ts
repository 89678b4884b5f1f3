import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { packageDirectory } from '../config/defaults.ts';
import { defaultDriver } from '../drivers/select.ts';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import { processLives } from '../streams/lock-file.ts';
import { LOCK_FILE } from './store-lock.ts';

const MARKER = 'layermill.json';
const FORMAT = 1;

/** Content of the marker. `adopted`: Docker was here before, so what no image knows may belong to its containers. */
interface Marker {
  format: number;
  driver: string;
  version: string;
  adopted: boolean;
}

export interface ClaimOptions {
  driver: string;
  readOnly: boolean;
  /** Make a directory ours that holds something which we did not write. */
  adopt: boolean;
  /** Names below the root that count as nothing: the home of a driver that was opened before. */
  ignore?: readonly string[];
}

/** Whether the store may be written now, and whether Docker was at home there before. */
export interface Claim {
  readOnly: boolean;
  adopted: boolean;
}

/**
 * The driver of a store, found before anything is opened. `wanted` is a driver's name or `auto`: what the marker says,
 * else the driver whose tag file is there, else the best one for this machine. Throws STORE_FORMAT_NEWER,
 * DRIVERS_AMBIGUOUS, and INVALID_ARGUMENT where the store has another driver than the one wanted.
 */
export function chooseDriver(root: string, wanted: string): string {
  const marker = readMarker(root);
  if (marker !== null && wanted !== 'auto' && wanted !== marker.driver) throw otherDriver(root, marker.driver, wanted);
  if (marker !== null) return marker.driver;
  if (wanted !== 'auto') return wanted;
  const drivers = entries(root).flatMap((name) => /^repositories-([a-z0-9]+)$/.exec(name)?.slice(1) ?? []);
  if (drivers.length <= 1) return drivers[0] ?? defaultDriver();
  const message = `the directory ${JSON.stringify(root)} has data of several drivers (${drivers.join(', ')}); say which with --driver`;
  throw engineError('DRIVERS_AMBIGUOUS', message, { root, drivers });
}

/**
 * Makes the directory ours when it may be, and says whether it is. One that is not empty and not ours is open for
 * reading only, unless it is adopted. Throws STORE_IN_USE, NOT_A_STORE, STORE_FORMAT_NEWER, and
 * INVALID_ARGUMENT where the store has another driver.
 */
export async function claimStore(root: string, options: ClaimOptions): Promise<Claim> {
  const { driver, readOnly, adopt, ignore = [] } = options;
  const marker = readMarker(root);
  if (marker !== null && marker.driver !== driver) throw otherDriver(root, marker.driver, driver);
  if (readOnly && !existsSync(root)) {
    throw engineError('NOT_A_STORE', `there is no store at ${JSON.stringify(root)}`, { root });
  }
  const vacant = marker === null && isVacant(root, ignore);
  const adopted = marker === null ? !vacant : marker.adopted;
  const mayWrite = !readOnly && (marker !== null || vacant || adopt) && isWritable(root);
  if (!mayWrite) return { readOnly: true, adopted };
  refuseForeignHome(root);
  if (marker === null) await writeMarker(root, driver, adopted);
  return { readOnly: false, adopted };
}

/** Refuses to write where a newer Docker or a living daemon is at home. Throws STORE_IN_USE. */
function refuseForeignHome(root: string): void {
  const sign = ['image', 'containerd', 'engine-id'].find((name) => existsSync(join(root, name)));
  if (sign !== undefined) throw inUse(root, `a newer Docker (it has ${JSON.stringify(sign)})`);
  for (const file of pidFiles(root)) {
    const pid = readPid(file);
    if (pid !== null && processLives(pid)) throw inUse(root, `the process ${pid} (${JSON.stringify(file)})`);
  }
}

/** In the root, and where Docker puts its own when the root is its default one. */
function pidFiles(root: string): string[] {
  const inside = entries(root)
    .filter((name) => name.endsWith('.pid'))
    .map((name) => join(root, name));
  return root === '/var/lib/docker' ? [...inside, '/var/run/docker.pid'] : inside;
}

async function writeMarker(root: string, driver: string, adopted: boolean): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o711 });
  const { version } = JSON.parse(readFileSync(`${packageDirectory()}package.json`, 'utf8')) as { version: string };
  const marker: Marker = { format: FORMAT, driver, version, adopted };
  await writeFileAtomic(join(root, MARKER), `${JSON.stringify(marker)}\n`, { mode: 0o644 });
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
    const { format, driver, version = 'unknown', adopted = false } = JSON.parse(text) as Partial<Marker>;
    return typeof format === 'number' && typeof driver === 'string' ? { format, driver, version, adopted } : null;
  } catch {
    return null;
  }
}

/** Nothing is here, or only what comes before a marker: our lock, an empty file system's own directory, an empty home. */
function isVacant(root: string, ignore: readonly string[]): boolean {
  const nothing = new Set([LOCK_FILE, 'lost+found', ...ignore]);
  return entries(root).every((name) => nothing.has(name) || name.startsWith(`${MARKER}.`));
}

/** Another user's store, or one on a file system that is mounted read only, can still be read. */
function isWritable(root: string): boolean {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

function entries(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    if (errnoOf(error) !== 'ENOTDIR') throw error;
    const message = `${JSON.stringify(basename(root))} in ${JSON.stringify(dirname(root))} is not a directory`;
    throw engineError('NOT_A_STORE', message, { root }, error);
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
