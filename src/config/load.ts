import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { configDirectory, defaultRoot } from './defaults.ts';
import { SETTING_NAMES, parseSettings, unknownSetting } from './schema.ts';
import type { PartialSettings, Settings } from './settings.ts';
import { nearest } from './suggest.ts';

/** More than any sensible file; a device or a log given by mistake is refused. */
const MAX_FILE_BYTES = 1024 * 1024;

const PREFIX = 'LAYERMILL_';
/** Variables that are no settings: which file to read, and what the test runner says to itself. */
const OTHER_VARIABLES = /^LAYERMILL_(CONFIG$|TEST_)/;

export interface SettingSources {
  /** A file, or the name of a profile in `config/profiles`. Without one, `LAYERMILL_CONFIG`. */
  config?: string | undefined;
  /** Settings given as flags; `flagNames` says what the person calls them. */
  flags?: object;
  flagNames?: ReadonlyMap<string, string>;
  /** Only ever a flag: it changes whose the store is. */
  adopt?: boolean;
  env?: NodeJS.ProcessEnv;
  uid?: number | undefined;
}

/** The settings of this run: defaults, then the file, the environment and the flags. Throws INVALID_SETTING. */
export async function loadSettings(sources: SettingSources = {}): Promise<Settings> {
  const { env = process.env, uid = process.getuid?.() } = sources;
  const layers: PartialSettings[] = [
    { root: defaultRoot(env, uid) },
    await readSettings(join(configDirectory(), 'default.json')),
    await chosenFile(sources.config ?? env[`${PREFIX}CONFIG`]),
    fromEnvironment(env),
    parseSettings(sources.flags ?? {}, { label: (name) => sources.flagNames?.get(name) ?? name }),
  ];
  return { ...layers.reduce(merge, {}), adopt: sources.adopt ?? false } as Settings;
}

/** Objects are merged key by key, one level deep: settings are no deeper. */
function merge(below: object, above: object): object {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    if (value !== undefined) merged[key] = isObject(value) && isObject(under) ? merge(under, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

async function chosenFile(chosen: string | undefined): Promise<PartialSettings> {
  if (chosen === undefined || chosen === '') return {};
  return readSettings(chosen.includes('/') || chosen.endsWith('.json') ? chosen : await profile(chosen));
}

async function profile(name: string): Promise<string> {
  const folder = join(configDirectory(), 'profiles');
  const names = (await readdir(folder)).filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5));
  if (names.includes(name)) return join(folder, `${name}.json`);
  const meant = nearest(name, names);
  const hint = meant === null ? `there are ${names.toSorted().join(', ')}` : `did you mean ${meant}?`;
  throw engineError('INVALID_SETTING', `no profile ${JSON.stringify(name)}; ${hint} A file is given by its path`, {
    key: 'config',
  });
}

async function readSettings(file: string): Promise<PartialSettings> {
  return parseSettings(parseJson(await readSmallFile(file), file), { file, label: (name) => name });
}

async function readSmallFile(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size <= MAX_FILE_BYTES) return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, `cannot be read (${errnoOf(error) ?? String(error)}); check the path`, error);
  }
  throw unreadable(file, 'is larger than 1 MiB; it is no settings file');
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(file, 'is not valid JSON; check commas and quotes', error);
  }
}

function unreadable(file: string, why: string, cause?: unknown): Error {
  return engineError('INVALID_SETTING', `settings file ${JSON.stringify(file)} ${why}`, { file, key: '' }, cause);
}

/** `limits.layerBytes` is `LAYERMILL_LIMITS_LAYER_BYTES`. An empty variable counts as unset. */
function variableOf(name: string): string {
  return PREFIX + name.replaceAll('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase();
}

function fromEnvironment(env: NodeJS.ProcessEnv): PartialSettings {
  const names = new Map(SETTING_NAMES.map((name) => [variableOf(name), name]));
  const found: Record<string, unknown> = {};
  const origin = { label: (name: string) => (name.startsWith(PREFIX) ? name : variableOf(name)) };
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || OTHER_VARIABLES.test(variable) || value === undefined || value === '') continue;
    const name = names.get(variable);
    if (name === undefined) throw unknownSetting(variable, [...names.keys()], origin);
    const [key, inner] = name.split('.') as [string, string?];
    found[key] = inner === undefined ? value : { ...(found[key] as object | undefined), [inner]: value };
  }
  return parseSettings(found, origin);
}
