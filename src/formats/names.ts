import { basename } from 'node:path';
import { engineError, isEngineError } from '../errors/kinds.ts';
import {
  DEFAULT_TAG,
  imageReference,
  isDigestReference,
  parseRepositoryTag,
  validateRepository,
  validateTag,
} from '../identity/reference.ts';
import { quoted } from '../image/strict-json.ts';

/** The annotations of an index.json entry that name its image. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
export const CONTAINERD_NAME = 'io.containerd.image.name';

/** Checks a name of `RepoTags`, which has a tag, and answers it in familiar form. Throws INVALID_NAME or INVALID_TAG. */
export function taggedName(text: string): string {
  const { repository, reference } = parseRepositoryTag(text);
  if (reference === '' || isDigestReference(reference)) {
    throw engineError('INVALID_NAME', `the name ${quoted(text)} has no tag; names in archives are repository:tag`, {
      name: text.slice(0, 300),
    });
  }
  return imageReference(validateRepository(repository), validateTag(reference));
}

/** As `taggedName`, for what people write: `latest` when there is no tag. */
export function askedName(text: string): string {
  const { repository, reference } = parseRepositoryTag(text);
  return taggedName(reference === '' ? `${repository}:${DEFAULT_TAG}` : text);
}

/**
 * What an entry of an index.json is called: containerd's annotation, else the ref name when it holds a repository,
 * else the name of the layout with the ref name as tag. Null when none of them is a name.
 */
export function layoutName(annotations: ReadonlyMap<string, string>, location: string | null): string | null {
  const full = annotations.get(CONTAINERD_NAME);
  if (full !== undefined) {
    const name = tried(() => askedName(full));
    if (name !== null) return name;
  }
  const ref = annotations.get(REF_NAME);
  if (ref === undefined) return null;
  if (/[/:]/.test(ref)) return tried(() => askedName(ref));
  return location === null ? null : tried(() => taggedName(`${repositoryOf(location)}:${ref}`));
}

function tried(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    if (isEngineError(error)) return null;
    throw error;
  }
}

/** `/data/My-App.tar.gz` → `my-app`. */
function repositoryOf(location: string): string {
  return basename(location)
    .replace(/\.(tar(\.(gz|zst|xz|bz2))?|tgz|oci)$/i, '')
    .toLowerCase();
}

/** The full spelling of a familiar name, as containerd writes it: `busybox:1` → `docker.io/library/busybox:1`. */
export function canonicalName(familiar: string): string {
  const first = familiar.includes('/') ? familiar.slice(0, familiar.indexOf('/')) : '';
  if (/[.:A-Z]/.test(first) || first === 'localhost') return familiar;
  return first === '' ? `docker.io/library/${familiar}` : `docker.io/${familiar}`;
}
