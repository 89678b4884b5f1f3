import { badArgument } from '../../errors/arguments.ts';
import { parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import { parseLocation, unknownTransport } from '../../formats/transports.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BatchSource } from '../batch.ts';
import { checkTarget, isTemplate } from '../plan/target.ts';
import type { TYPES } from './job-schema.ts';

export type SourceType = (typeof TYPES)[number];

/** Of archives, layouts and what `dir:` writes there may be many that a pattern fits. */
const LISTABLE: readonly (string | null)[] = [null, 'docker-archive', 'oci-archive', 'oci', 'dir'];

/** regclient's word for a layout in ours. */
export function ownWords(text: string): string {
  return text.replace(/^ocidir:(?:\/\/)?/, 'oci:');
}

/** Whether a place says what it is. `docker:24-dind` is an image of Docker Hub in a file that knows registries only. */
export function hasTransport(text: string): boolean {
  const { transport } = parseLocation(ownWords(text));
  return transport === 'docker' ? text.startsWith('docker://') : transport !== null || text.startsWith('store:');
}

/** Whether a text is a pattern of file names and not one of them. */
export function isPattern(text: string): boolean {
  return /[*?[\]{}]|[!@+]\(/.test(text);
}

/** A source as an entry names it, by its type. Throws INVALID_ARGUMENT, INVALID_NAME, …, with the fix. */
export function readSource(given: string, type: SourceType | undefined): BatchSource {
  const text = ownWords(given);
  switch (type ?? typeOf(text)) {
    case 'repository':
      return { type: 'repository', location: repositoryIn(text) };
    case 'registry':
      return { type: 'registry', location: registryIn(text) };
    case 'directory':
      return { type: 'pattern', location: `${directoryIn(text)}/*` };
    case 'pattern':
      return { type: 'pattern', location: inTransport(text, LISTABLE, 'a pattern') };
    case 'archive':
      return { type: 'location', location: inTransport(text, [null, 'docker-archive', 'oci-archive'], 'an archive') };
    case 'docker-root':
      return { type: 'location', location: dataDirectoryIn(text) };
    case 'image':
      return { type: 'location', location: imageIn(text) };
  }
}

/** What somebody means who does not say it. */
function typeOf(text: string): SourceType {
  if (text.startsWith('docker:')) return 'image';
  return isPattern(text) ? 'pattern' : 'image';
}

function imageIn(text: string): string {
  const { transport, path } = parseLocation(text);
  if (transport === 'docker') parseDockerReference(path);
  else if (transport === 'null')
    throw badArgument('source', 'null: holds no images; it is a destination, for rehearsals');
  else if (transport === null && !/^(\/|\.\.?\/|store:|-$)/.test(text)) throw noTransport(text);
  return text;
}

/** What people write who are used to tools that know registries only, or name a transport that is not here. */
function noTransport(text: string): Error {
  if (/^[a-z][a-z-]*:/.test(text) && isOtherTransport(text)) return unknownTransport(text);
  const message = `${quoted(text)} does not say what it is; write docker://${text} for a registry, or ./${text} for a file`;
  return badArgument('source', message);
}

/** `containers-storage:x` and not `busybox:1`, `localhost:5000/x`. */
function isOtherTransport(text: string): boolean {
  return /^(containers-storage|docker-daemon|docker-graph|sif|ostree|tarball|atomic|https?|ocidir):/.test(text);
}

function repositoryIn(text: string): string {
  const { path } = dockerPlace(text, 'repository', 'docker://HOST/NAME');
  const { tag, digest } = parseDockerReference(path);
  if (tag === null && digest === null) return text;
  const whole = text.slice(0, text.length - (tag?.length ?? 0) - (digest?.length ?? 0)).replace(/[:@]+$/, '');
  throw badArgument('source', `${quoted(text)} is one image; write ${whole} for its repository, or type: image`);
}

function registryIn(text: string): string {
  const { path } = dockerPlace(text, 'registry', 'docker://HOST');
  const host = path.replace(/^\/\//, '').replace(/\/+$/, '');
  if (host.includes('/')) {
    throw badArgument(
      'source',
      `${quoted(text)} is a repository; write docker://${host.split('/')[0]}, or type: repository`,
    );
  }
  // Any name shows whether that can be a host.
  parseDockerReference(`//${host}/x`);
  return `docker://${host}`;
}

function dockerPlace(text: string, type: SourceType, form: string): { path: string } {
  const location = parseLocation(text);
  if (location.transport === 'docker') return location;
  if (location.transport === null) throw noTransport(text);
  throw badArgument('source', `${quoted(text)} is no ${type}; write it as ${form}`);
}

function directoryIn(text: string): string {
  const found = inTransport(text, LISTABLE, 'a directory of archives').replace(/(?<=[^/])\/+$/, '');
  if (!isPattern(found)) return found === '/' ? '' : found;
  throw badArgument('source', `${quoted(text)} is a pattern; write type: pattern`);
}

function dataDirectoryIn(text: string): string {
  const location = inTransport(text, [null, 'docker-root', 'containers-root'], 'a data directory');
  return parseLocation(location).transport === null ? `docker-root:${location}` : location;
}

function inTransport(text: string, known: readonly (string | null)[], what: string): string {
  const { transport } = parseLocation(text);
  if (transport === null && isOtherTransport(text)) throw unknownTransport(text);
  if (known.includes(transport)) return text;
  const words = known.map((name) => (name === null ? 'a path' : `${name}:PATH`)).join(', ');
  throw badArgument('source', `${quoted(text)} is not ${what}; write ${words}`);
}

/**
 * A target as an entry names it: whole repositories and registries go under their own tags and names, as they do in
 * other tools. Throws INVALID_ARGUMENT, INVALID_NAME, …, with the fix.
 */
export function readTarget(given: string, type: BatchSource['type']): string {
  const target = withNames(ownWords(given), type);
  checkTarget(target);
  return target;
}

function withNames(target: string, type: BatchSource['type']): string {
  const [, place, last] = /^(docker:\/\/.*?)([^/]*)$/s.exec(target) ?? [];
  if (place === undefined || last === '' || (type !== 'repository' && type !== 'registry')) return target;
  const isHost = place === 'docker://';
  if ((!isHost && /[:@]/.test(last!)) || /\{(name|tag)\}/.test(last!)) return target;
  if (type === 'registry' && !isTemplate(target)) return `${target}/{repository}:{tag}`;
  return isHost ? target : `${target}:{tag}`;
}
