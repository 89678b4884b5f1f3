/** Docker Hub under all the names that files know it by. */
const HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** What Docker calls its Hub when it speaks to a helper. */
const HUB_SERVER = 'https://index.docker.io/v1/';

/** `docker.io` for every name of Docker Hub. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return HUB.has(lower) ? 'docker.io' : lower;
}

/** The keys that concern a repository, the most specific first: `host/a/b`, `host/a`, `host`. */
function keysFor(host: string, name: string): string[] {
  const parts = name === '' ? [] : name.split('/');
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
  return [...paths.map((path) => `${host}/${path}`), host];
}

/** `https://host/v1/`, `index.docker.io` and `host/` as `host`; a repository behind the host stays. */
function plainKey(key: string): string {
  const isUrl = /^https?:\/\//.test(key);
  const [host = '', ...path] = key.replace(/^https?:\/\//, '').split('/');
  // URLs are of the time when a key was a host and nothing else.
  const isLegacy = isUrl || /^v[12]\/?$/.test(path.join('/'));
  const rest = isLegacy ? '' : path.filter((part) => part !== '').join('/');
  return canonicalHost(host) + (rest === '' ? '' : `/${rest}`);
}

/** The entry that says most about a repository; among several spellings of its key the plain one. */
export function mostSpecific<Value>(entries: ReadonlyMap<string, Value>, host: string, name: string): Value | null {
  const plain = new Map<string, Value>();
  for (const [key, value] of entries) if (!plain.has(plainKey(key))) plain.set(plainKey(key), value);
  for (const key of keysFor(canonicalHost(host), name)) {
    const found = entries.get(key) ?? plain.get(key);
    if (found !== undefined) return found;
  }
  return null;
}

/** The entry of a host, with its key as it is spelled: that is the name its helper knows it by. */
export function entryOfHost(entries: ReadonlyMap<string, string>, host: string): [key: string, value: string] | null {
  const wanted = canonicalHost(host);
  return [...entries].find(([key]) => plainKey(key) === wanted) ?? null;
}

/** What a helper for all hosts is asked for. */
export function serverOf(host: string): string {
  return canonicalHost(host) === 'docker.io' ? HUB_SERVER : host;
}
