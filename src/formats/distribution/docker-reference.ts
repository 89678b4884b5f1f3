import { badArgument } from '../../errors/arguments.ts';
import { engineError, hasCode } from '../../errors/kinds.ts';
import { type Digest, parseDigest } from '../../identity/digest.ts';
import { DEFAULT_TAG, parseRepositoryTag, validateRepository, validateTag } from '../../identity/reference.ts';
import { quoted } from '../../image/strict-json.ts';
import { canonicalName } from '../names.ts';
import { canonicalHost } from './auth-keys.ts';
import { splitRepository } from './registry-rules.ts';

/** A repository of a registry, and what of it is meant. */
export interface DockerReference {
  /** With port; `docker.io` for Docker Hub. */
  host: string;
  /** `library/busybox`. */
  name: string;
  /** As it was given. */
  tag: string | null;
  digest: Digest | null;
  /** What to ask a registry for: the digest, else the tag, else `latest`. */
  reference: string;
}

/** Repositories below a path of a registry: `docker://host/team/`. */
export interface DockerPrefix {
  host: string;
  /** Ends in a slash unless it is empty. */
  prefix: string;
}

const HOST_AND_PORT = /^(\[[^\]]*\]|[^:@]*)(?::([^@]*))?/;
/** What registries listen on, and what nobody calls a version. */
const PORTS = /^(443|500\d|5443|808\d|8443)$/;

/**
 * Reads what follows `docker:` in `docker://HOST/NAME[:TAG][@DIGEST]`; without a host it is Docker Hub, and a name of one
 * part is below `library/`. Throws INVALID_ARGUMENT, INVALID_NAME, INVALID_TAG or INVALID_DIGEST, with the fix.
 */
export function parseDockerReference(rest: string): DockerReference {
  const text = checkForm(rest);
  if (text.endsWith('/')) {
    const fix = text.replace(/\/+$/, '');
    throw badArgument('docker', `docker:${shown(rest)} ends in a slash; one repository is written ${fixed(fix)}`);
  }
  return repositoryIn(text);
}

/** As `parseDockerReference`, where a slash at the end says that images go below it under their own names. */
export function parseDockerDestination(rest: string): DockerReference | DockerPrefix {
  const text = checkForm(rest, 'prefix');
  if (!text.endsWith('/')) return repositoryIn(text);
  // Any name shows whether images can be below it.
  const { host, name } = repositoryIn(`${text}x`);
  return { host, prefix: name.slice(0, -1) };
}

/** The path of a name below another registry: `quay.io/team/app:1` → `team/app`. */
export function pathOf(name: string): string {
  const { repository } = parseRepositoryTag(name);
  const slash = repository.indexOf('/');
  const first = repository.slice(0, Math.max(slash, 0));
  return /[.:]/.test(first) || first === 'localhost' ? repository.slice(slash + 1) : repository;
}

/** The host in `docker://HOST`, or `docker://HOST/`, which names no repository; null where there is one. */
export function parseDockerHost(rest: string): string | null {
  const text = checkForm(rest, 'host');
  const host = text.replace(/\/+$/, '');
  if (host.includes('/') || host.includes('@')) return null;
  const isHost = isCertainlyHost(host) || hasPortOfRegistries(host) || (text !== host && /:\d+$/.test(host));
  return isHost && URL.canParse(`https://${host}`) ? canonicalHost(host.toLowerCase()) : null;
}

/** What follows the slashes. */
function checkForm(rest: string, form: 'image' | 'prefix' | 'host' = 'image'): string {
  if (/^\/*[^/]*@[^/]*\//.test(rest.replace(/^\/*[a-z]+:\/\//, ''))) {
    // Not repeated: there is a password in it.
    throw badArgument(
      'docker',
      'a docker:// name holds no user and no password; give them with --creds or an auth.json',
    );
  }
  const text = rest.replace(/^\/+/, '').replace(/^(?:https?|docker):\/+/, '');
  if (text === '') throw badArgument('docker', 'docker:// names nothing; write docker://HOST/NAME[:TAG]');
  if (rest !== `//${text}`) throw badArgument('docker', `docker:${shown(rest)} is written ${fixed(text)}`);
  if (form === 'host') return text;
  if (!text.includes('/') || (form === 'image' && /^[^/]*\/+$/.test(text))) checkNoBareHost(text.replace(/\/+$/, ''));
  return text;
}

function isCertainlyHost(text: string): boolean {
  const [, host = ''] = HOST_AND_PORT.exec(text) ?? [];
  return /[.[]/.test(host) || host.toLowerCase() === 'localhost';
}

function hasPortOfRegistries(text: string): boolean {
  return PORTS.test(HOST_AND_PORT.exec(text)?.[2] ?? '');
}

/** `host:5000` reads as an image of Docker Hub with a tag; hardly anybody means that. */
function checkNoBareHost(text: string): void {
  if (!isCertainlyHost(text) && !hasPortOfRegistries(text)) return;
  const other = isCertainlyHost(text) ? '' : `; the image of Docker Hub is ${fixed(`docker.io/library/${text}`)}`;
  throw badArgument(
    'docker',
    `docker://${shown(text)} is a registry without a repository: write ${fixed(`${text}/NAME`)}${other}`,
  );
}

function repositoryIn(text: string): DockerReference {
  const { tag, digest, repository } = takeApart(text);
  const { host, name } = splitRepository(canonicalName(checkRepository(repository)));
  return { host: canonicalHost(host), name, tag, digest, reference: digest ?? tag ?? DEFAULT_TAG };
}

function takeApart(text: string): { repository: string; tag: string | null; digest: Digest | null } {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const { repository, reference } = parseRepositoryTag(named);
  const hasTag = named.length > repository.length;
  return {
    repository,
    tag: hasTag ? validateTag(reference) : null,
    digest: at < 0 ? null : parseDigest(text.slice(at + 1)),
  };
}

function checkRepository(repository: string): string {
  const lower = repository.toLowerCase();
  const [first = ''] = repository.split('/', 1);
  // A capital alone makes no host: `docker://Acme/app` means a name that has to be in lower case.
  const isNoHost = !/[.:]/.test(first) && lower.split('/', 1)[0] !== 'localhost' && first !== first.toLowerCase();
  try {
    if (!isNoHost) return validateRepository(withLowerHost(repository));
  } catch (error) {
    if (lower === repository || !hasCode(error, 'INVALID_NAME')) throw error;
  }
  throw engineError('INVALID_NAME', `docker://${shown(repository)}: names are in lower case: ${fixed(lower)}`, {
    name: repository.slice(0, 300),
  });
}

/** Names of hosts are the same in any case. */
function withLowerHost(repository: string): string {
  const { host, name } = splitRepository(repository);
  return name === '' ? repository : `${host.toLowerCase()}/${name}`;
}

function shown(text: string): string {
  return quoted(text).slice(1, -1);
}

function fixed(text: string): string {
  return `docker://${shown(text)}`;
}
