/** A scope of Docker's token authentication specification. */
export function scopeOf(name: string, actions: 'pull' | 'pull,push' | 'pull,delete'): string {
  return `repository:${name}:${actions}`;
}

/** The path of something in a repository; the slashes of its name stay. */
export function pathOf(name: string, kind: 'manifests' | 'blobs' | 'referrers', reference: string): string {
  const repository = name.split('/').map(encodeURIComponent).join('/');
  // Digests have a colon, which is as good as an encoded one and what registries expect.
  return `/v2/${repository}/${kind}/${encodeURIComponent(reference).replaceAll('%3A', ':')}`;
}
