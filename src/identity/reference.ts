import { engineError } from '../errors/kinds.ts';
import { isDigest } from './digest.ts';
import { isImageId } from './image-id.ts';

/** The tag meant by a name without one. */
export const DEFAULT_TAG = 'latest';

/** Longest repository name, host included, as the distribution project limits it. */
const NAME_BYTES = 255;

/** A name taken apart. `reference` is a tag, a digest, or empty when the name has neither. */
export interface ParsedName {
  repository: string;
  reference: string;
}

/**
 * Splits `repository[:tag][@digest]`. A colon that is followed by a slash belongs to a registry's port. A digest says
 * more than a tag, so a tag beside one is dropped.
 */
export function parseRepositoryTag(name: string): ParsedName {
  const at = name.indexOf('@');
  if (at >= 0) return { repository: splitTag(name.slice(0, at)).repository, reference: name.slice(at + 1) };
  return splitTag(name);
}

function splitTag(name: string): ParsedName {
  const colon = name.lastIndexOf(':');
  if (colon < 0 || name.includes('/', colon)) return { repository: name, reference: '' };
  return { repository: name.slice(0, colon), reference: name.slice(colon + 1) };
}

/** True for a reference that is a digest (any algorithm, tarsum too) and not a tag. */
export function isDigestReference(reference: string): boolean {
  return /^[A-Za-z0-9_+.-]+:[A-Za-z0-9_+.=-]+$/.test(reference);
}

/** `repository:tag`, or `repository@digest`. */
export function imageReference(repository: string, reference: string): string {
  return `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
}

/**
 * The short spelling of a repository on Docker Hub: without `docker.io/`, `index.docker.io/` and `library/`. Names
 * elsewhere stay as they are, and so does one whose short form would read as another registry.
 */
export function familiarName(repository: string): string {
  const path = repository.replace(/^(?:index\.)?docker\.io\//, '');
  if (path !== repository && hostOf(path) !== null) return repository;
  const official = /^library\/([^/]+)$/.exec(path);
  return official === null ? path : official[1]!;
}

/** A full name in familiar form, with its tag (`latest` when it has none) or digest. */
export function familiarReference(name: string): string {
  const { repository, reference } = parseRepositoryTag(name);
  return imageReference(familiarName(repository), reference === '' ? DEFAULT_TAG : reference);
}

/**
 * Checks a repository name by the grammar of the distribution project and answers its familiar form.
 * Throws INVALID_NAME.
 */
export function validateRepository(repository: string): string {
  // The length comes first: it bounds what the patterns below can cost.
  if (Buffer.byteLength(repository) > NAME_BYTES) throw invalidName(repository, `longer than ${NAME_BYTES} bytes`);
  const name = familiarName(repository);
  if (name === '') throw invalidName(repository, 'a repository name cannot be empty');
  if (name === 'scratch') throw invalidName(repository, 'the name is reserved for the empty image');
  if (isImageId(name)) throw invalidName(repository, 'it would be taken for an image id');
  const host = hostOf(name);
  if (host !== null && !isHost(host)) throw invalidName(repository, 'the part before the first slash is no host');
  const path = host === null ? name : name.slice(host.length + 1);
  if (!path.split('/').every(isPathComponent)) {
    throw invalidName(repository, 'use lower-case letters, digits and single . _ __ - between them');
  }
  return name;
}

/** Checks a tag (at most 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`). Throws INVALID_TAG. */
export function validateTag(tag: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(tag)) return tag;
  const shown = tag.slice(0, 200);
  const rule = '1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -';
  throw engineError('INVALID_TAG', `not a tag: ${JSON.stringify(shown)} (${rule})`, { tag: shown });
}

/** Checks a tag or a digest. Throws INVALID_TAG. */
export function validateReference(reference: string): string {
  return isDigest(reference) ? reference : validateTag(reference);
}

/** The first component of `name` when it names a registry: it has a dot, a colon or a capital, or is `localhost`. */
function hostOf(name: string): string | null {
  const slash = name.indexOf('/');
  if (slash < 0) return null;
  const first = name.slice(0, slash);
  return /[.:A-Z]/.test(first) || first === 'localhost' ? first : null;
}

function isHost(host: string): boolean {
  return (
    /^(?:\[[a-fA-F0-9:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]+)?$/.test(host) && !host.includes('..')
  );
}

function isPathComponent(component: string): boolean {
  return /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/.test(component);
}

function invalidName(name: string, why: string): Error {
  const shown = name.slice(0, 300);
  return engineError('INVALID_NAME', `not a repository name: ${JSON.stringify(shown)} (${why})`, { name: shown });
}
