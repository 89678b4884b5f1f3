import { nearest } from '../../config/suggest.ts';
import { badArgument } from '../../errors/arguments.ts';
import { parseDockerDestination } from '../../formats/distribution/docker-reference.ts';
import { askedName } from '../../formats/names.ts';
import { parseLocation, unknownTransport } from '../../formats/transports.ts';
import type { Digest } from '../../identity/digest.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import { quoted } from '../../image/strict-json.ts';

/** What an image fills a template in with. */
export interface TargetImage {
  /** In familiar form, after renaming; null for an image without one. */
  name: string | null;
  /** Of its manifest, or of its config where it has none. */
  digest: Digest | null;
  /** Its number in the plan, from 1. */
  number: number;
}

/** The values of one image: how they are written by themselves. */
type Values = Record<(typeof VARIABLES)[number], string | null>;

const VARIABLES = ['name', 'registry', 'repository', 'path', 'tag', 'digest', 'n'] as const;
const VARIABLE = /\{([^{}]*)\}/g;

/** Data directories of engines: nothing is ever written there. */
const READ_ONLY: readonly (string | null)[] = ['docker-root', 'containers-root'];

/** Whether each image has to fill in the target: it has braces. */
export function isTemplate(target: string): boolean {
  return /[{}]/.test(target);
}

/** Whether there is place for one image only: a name is a part of the destination, or it is a `dir:`. */
export function takesOneImage(destination: string): boolean {
  const { transport, path, ref } = parseLocation(destination);
  if (transport === 'docker') return 'reference' in parseDockerDestination(path);
  return transport === 'dir' || ref !== null;
}

/** Refuses what nothing can be written to, filled in or not. Throws INVALID_ARGUMENT, INVALID_NAME, …, with the fix. */
export function checkTarget(target: string): void {
  const { transport, path } = parseLocation(target);
  if (transport === null) throw noTransport(target);
  if (path === '-') {
    const message = `${quoted(target)} is the standard output, which a batch cannot go on with; name a file, or use layermill copy`;
    throw badArgument('target', message);
  }
  if (READ_ONLY.includes(transport)) {
    throw badArgument('target', `${quoted(target)} can only be read; write to oci:, docker-archive: or docker://`);
  }
  for (const [, word = ''] of target.matchAll(VARIABLE)) checkVariable(word, target);
  if (isTemplate(target.replaceAll(VARIABLE, ''))) {
    throw badArgument('target', `${quoted(target)} has a brace without its other half; variables are ${listed()}`);
  }
  // The other checks are those of what comes out for an image like any.
  takesOneImage(fillTarget(target, SAMPLE));
}

const SAMPLE: TargetImage = {
  name: 'registry.example:5000/team/app:1.0',
  digest: `sha256:${'0'.repeat(64)}`,
  number: 1,
};

function listed(): string {
  return VARIABLES.map((name) => `{${name}}`).join(', ');
}

function checkVariable(word: string, target: string): void {
  if (VARIABLES.some((known) => known === word)) return;
  const meant = nearest(word, VARIABLES);
  const hint = meant === null ? `they are ${listed()}` : `did you mean {${meant}}?`;
  throw badArgument('target', `{${word}} in ${quoted(target)} is no variable; ${hint}`);
}

function noTransport(target: string): Error {
  if (/^[a-z][a-z-]*:/.test(target) && !/^[^/]*:\d+(\/|$)/.test(target)) return unknownTransport(target);
  const isPath = /^[./]/.test(target);
  const fix = isPath
    ? `oci:${target} for an OCI layout, docker-archive:${target}.tar for an archive`
    : `docker://${target}`;
  return badArgument('target', `${quoted(target)} does not say what it is; write ${fix}`);
}

/**
 * The destination of one image, as `openSink` takes it. In paths, what file systems and `PATH:REF` could misread is
 * replaced: the colon of a tag or port by `_`, that of a digest by `-`; in a registry and in a REF, names stay names.
 * Throws INVALID_ARGUMENT where the image has no such value, INVALID_NAME or INVALID_TAG for a name that is none, so that
 * no name leads out of a directory.
 */
export function fillTarget(target: string, image: TargetImage): string {
  if (!isTemplate(target)) return target;
  const values = valuesOf(image);
  const { transport, path, ref } = parseLocation(target);
  if (transport === 'docker') return `docker:${fillRegistry(path, values, target)}`;
  const filled = fill(path, inPath(values), target);
  return `${transport}:${filled}${ref === null ? '' : `:${fill(ref, values, target)}`}`;
}

function valuesOf({ name, digest, number }: TargetImage): Values {
  const n = String(number);
  if (name === null) {
    return { name: null, registry: null, repository: null, path: null, tag: null, digest, n };
  }
  // Checked here too: nothing that comes out of it may be a `..` or begin with a slash.
  const { repository: whole, reference: tag } = parseRepositoryTag(askedName(name));
  const slash = whole.indexOf('/');
  const first = whole.slice(0, Math.max(slash, 0));
  const isHost = /[.:A-Z]/.test(first) || first === 'localhost';
  const repository = isHost ? whole.slice(slash + 1) : whole;
  return {
    name: `${whole}:${tag}`,
    registry: isHost ? first : 'docker.io',
    repository,
    path: repository.replaceAll('/', '_'),
    tag,
    digest,
    n,
  };
}

function inPath(values: Values): Values {
  const safe = Object.entries(values).map(([key, value]) => [
    key,
    value?.replaceAll(':', key === 'digest' ? '-' : '_') ?? null,
  ]);
  return Object.fromEntries(safe) as Values;
}

/** `//HOST/NAME:TAG@DIGEST`: the host is one by itself, and a port has no place in what follows it. */
function fillRegistry(rest: string, values: Values, target: string): string {
  const [, host = '', name = ''] = /^(\/*[^/]*)(.*)$/s.exec(rest)!;
  const safe = inPath(values);
  const whole =
    values.name === null
      ? null
      : `${values.name.slice(0, values.name.lastIndexOf(':')).replaceAll(':', '_')}:${values.tag}`;
  const [before, ...digests] = name.split('@');
  const parts = [fill(before!, { ...safe, name: whole }, target), ...digests.map((part) => fill(part, values, target))];
  return fill(host, values, target) + parts.join('@');
}

function fill(template: string, values: Values, target: string): string {
  return template.replaceAll(VARIABLE, (_, word: keyof Values) => {
    checkVariable(word, target);
    const value = values[word];
    if (value !== null) return value;
    const instead = word === 'digest' ? '{n}' : '{digest} or {n}';
    throw badArgument(
      'target',
      `${quoted(target)} needs a ${word === 'digest' ? 'digest' : 'name'}, and an image has none; use ${instead}`,
    );
  });
}
