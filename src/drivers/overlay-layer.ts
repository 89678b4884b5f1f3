import { randomBytes } from 'node:crypto';
import { lstatSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { readFile, readlink, writeFile } from 'node:fs/promises';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';

/**
 * What Docker's overlay2 keeps beside a layer's `diff`: the file `link` with its short name, and, unless it is a base,
 * `lower` with those of the layers below, nearest first, as `l/A:l/B`. `<home>/l/A` is a link to `../<id>/diff`.
 */
export interface OverlayLayer {
  shortName: string;
  /** Short names, nearest first. */
  lower: string[];
}

/** Shorter than Docker's 26 characters, so that more layers fit into the options of one mount. */
const SHORT_NAME_BYTES = 5;
const SHORT_NAME = /^[A-Za-z0-9]{1,64}$/;
const LINK_TARGET = /^\.\.\/([a-f0-9]{64})\/diff$/;

/** Answers null when there is no such layer. */
export async function readOverlayLayer(directory: string): Promise<OverlayLayer | null> {
  const shortName = await textOf(`${directory}/link`);
  if (shortName === null) return null;
  const lower = ((await textOf(`${directory}/lower`)) ?? '').split(':').filter((name) => name !== '');
  const names = lower.map((name) => name.replace(/^l\//, ''));
  if ([shortName, ...names].every((name) => SHORT_NAME.test(name))) return { shortName, lower: names };
  throw damaged(directory, 'its files "link" and "lower" name no layers');
}

export async function writeOverlayLayer(directory: string, { shortName, lower }: OverlayLayer): Promise<void> {
  await writeFile(`${directory}/link`, shortName);
  if (lower.length > 0) await writeFile(`${directory}/lower`, lower.map((name) => `l/${name}`).join(':'));
}

export function newShortName(home: string): string {
  for (;;) {
    const name = randomBytes(SHORT_NAME_BYTES).toString('hex');
    if (lstatSync(linkPath(home, name), { throwIfNoEntry: false }) === undefined) return name;
  }
}

/** The layer id behind a short name. */
export async function idBehind(home: string, shortName: string): Promise<string> {
  const path = linkPath(home, shortName);
  const target = LINK_TARGET.exec(await readlink(path));
  if (target === null) throw damaged(path, 'it does not lead to a layer');
  return target[1]!;
}

export function makeLink(home: string, shortName: string, id: string): void {
  symlinkSync(`../${id}/diff`, linkPath(home, shortName));
}

export function removeLink(home: string, shortName: string): void {
  rmSync(linkPath(home, shortName), { force: true });
}

/** True when the layer behind a short name never came, or has gone. */
export function isDangling(home: string, shortName: string): boolean {
  return statSync(linkPath(home, shortName), { throwIfNoEntry: false }) === undefined;
}

function linkPath(home: string, shortName: string): string {
  return `${home}/l/${shortName}`;
}

async function textOf(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'latin1')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function damaged(path: string, what: string): Error {
  const message = `${JSON.stringify(path)}: ${what}; remove the images that use it and import them again`;
  return engineError('DRIVER_FAILED', message, { driver: 'overlay2', operation: 'read' });
}
