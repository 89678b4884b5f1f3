import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { quoted } from '../../image/strict-json.ts';
import { etcContainers, type Places, setting, userContainers } from './places.ts';
import { type MirrorRule, PULLS_FROM, type RegistryRule } from './registry-rules.ts';
import { badFile, checkContent, readIfThere } from './small-file.ts';

const TEXT = v.optional(v.string());
const FLAG = v.optional(v.boolean(), false);

const MIRROR = v.object({ location: v.string(), insecure: FLAG, 'pull-from-mirror': TEXT });
const REGISTRY = v.object({
  prefix: TEXT,
  location: TEXT,
  insecure: FLAG,
  blocked: FLAG,
  'mirror-by-digest-only': FLAG,
  mirror: v.optional(v.array(MIRROR), []),
});
/** The form before 2018: lists of hosts. */
const LIST = v.optional(v.object({ registries: v.optional(v.array(v.string()), []) }));
const FILE = v.object({
  registry: v.optional(v.array(REGISTRY)),
  registries: v.optional(v.object({ insecure: LIST, block: LIST })),
});

type Registry = v.InferOutput<typeof REGISTRY>;
type Mirror = v.InferOutput<typeof MIRROR>;

/**
 * Reads `registries.conf` and what is beside it in `registries.conf.d`, where a later file replaces what an earlier one
 * says of the same prefix (containers-registries.conf(5) and .conf.d(5)). Throws INVALID_SETTING, and FILE_NOT_FOUND for
 * a file that was asked for.
 */
export async function readRegistriesConf(places: Places, asked: string | undefined): Promise<RegistryRule[]> {
  const rules = new Map<string, RegistryRule>();
  for (const file of await confFiles(places, asked ?? setting(places.env, 'CONTAINERS_REGISTRIES_CONF'))) {
    const text = await readIfThere(file);
    for (const rule of text === null ? [] : rulesOf(text, file)) rules.set(rule.prefix, rule);
  }
  return [...rules.values()];
}

/** A file of the person's own takes the place of the machine's, with its directory. */
async function confFiles(places: Places, asked: string | undefined): Promise<string[]> {
  const [own, system] = [userContainers(places), etcContainers(places)];
  const ownFile = join(own, 'registries.conf');
  if (asked !== undefined && !(await exists(asked))) {
    throw engineError('FILE_NOT_FOUND', `there is no registries.conf at ${quoted(asked)}; check the path`, {
      path: asked,
    });
  }
  if (asked === undefined && (await exists(ownFile))) return [ownFile, ...(await dropIns(own))];
  return [asked ?? join(system, 'registries.conf'), ...(await dropIns(system)), ...(await dropIns(own))];
}

async function dropIns(directory: string): Promise<string[]> {
  const path = join(directory, 'registries.conf.d');
  try {
    const names = await readdir(path);
    return names
      .filter((name) => name.endsWith('.conf'))
      .toSorted()
      .map((name) => join(path, name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function rulesOf(text: string, file: string): RegistryRule[] {
  const { registry, registries } = checkContent(FILE, parseToml(text, file), file);
  const lists = { insecure: registries?.insecure?.registries ?? [], block: registries?.block?.registries ?? [] };
  if (registry !== undefined) {
    if (lists.insecure.length + lists.block.length > 0) {
      throw badFile(file, 'registries', 'it mixes [registries.…] of the old form with [[registry]] of the new one');
    }
    return registry.map((entry, index) => ruleOf(entry, `registry.${index}`, file));
  }
  return [...new Set([...lists.insecure, ...lists.block])].map((host) => {
    const location = checkLocation(host, 'registries', file);
    const said = { insecure: lists.insecure.includes(host), blocked: lists.block.includes(host) };
    return { prefix: location, location, ...said, mirrors: [], file };
  });
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) throw badFile(file, '', `it is not valid TOML at line ${error.line}`);
    throw error;
  }
}

function ruleOf(entry: Registry, key: string, file: string): RegistryRule {
  const { insecure, blocked } = entry;
  const location = entry.location ? checkLocation(entry.location, `${key}.location`, file) : null;
  const prefix = entry.prefix ? checkPrefix(entry.prefix, `${key}.prefix`, file) : location;
  if (prefix === null) throw badFile(file, key, 'a [[registry]] has neither a prefix nor a location');
  if (location === null && !prefix.startsWith('*.')) {
    throw badFile(
      file,
      key,
      `the registry ${quoted(prefix)} has no location; only a prefix such as *.example.com needs none`,
    );
  }
  const mirrors = entry.mirror.map((mirror, index) =>
    mirrorOf(mirror, entry['mirror-by-digest-only'], `${key}.mirror.${index}`, file),
  );
  return { prefix, location, insecure, blocked, mirrors, file };
}

function mirrorOf(mirror: Mirror, byDigest: boolean, key: string, file: string): MirrorRule {
  const asked = mirror['pull-from-mirror'] || undefined;
  const pullFrom = PULLS_FROM.find((known) => known === asked) ?? (byDigest ? 'digest-only' : 'all');
  if (asked !== undefined && asked !== pullFrom) {
    throw badFile(
      file,
      `${key}.pull-from-mirror`,
      `pull-from-mirror is ${PULLS_FROM.join(', ')}, not ${quoted(asked)}`,
    );
  }
  if (asked !== undefined && byDigest) {
    throw badFile(file, key, 'pull-from-mirror says what mirror-by-digest-only says already; keep one of them');
  }
  return { location: checkLocation(mirror.location, `${key}.location`, file), insecure: mirror.insecure, pullFrom };
}

function checkPrefix(text: string, key: string, file: string): string {
  if (!text.startsWith('*.')) return checkLocation(text, key, file);
  if (/^\*(?:\.[A-Za-z0-9-]+)+(?::\d+)?$/.test(text)) return text.toLowerCase();
  throw badFile(file, key, `${quoted(text)} is no prefix; a star stands for the beginning of a host: *.example.com`);
}

/** `host[:port][/path]`, without a slash behind it. */
function checkLocation(text: string, key: string, file: string): string {
  const location = text.trim().replace(/\/+$/, '');
  if (location.includes('://')) throw badFile(file, key, `${quoted(text)} has a scheme; write host:port/path`);
  const [, host, path] =
    /^((?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::\d+)?)((?:\/[^/\s]+)*(?:[:@][^/\s]+)?)$/.exec(location) ?? [];
  if (host === undefined) throw badFile(file, key, `${quoted(text)} is no place of a registry; write host:port/path`);
  return host.toLowerCase() + (path ?? '');
}
