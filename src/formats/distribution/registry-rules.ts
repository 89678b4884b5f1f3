/** What `registries.conf` says about the repositories below a prefix. */
export interface RegistryRule {
  /** `host[:port][/path]`, or `*.domain` for all hosts below a domain. */
  prefix: string;
  /** What stands in the place of the prefix; null leaves names as they are. */
  location: string | null;
  insecure: boolean;
  blocked: boolean;
  mirrors: MirrorRule[];
  /** Where it is said. */
  file: string;
}

export interface MirrorRule {
  location: string;
  insecure: boolean;
  pullFrom: PullFrom;
}

export const PULLS_FROM = ['all', 'digest-only', 'tag-only'] as const;
type PullFrom = (typeof PULLS_FROM)[number];

/** The rule with the longest prefix of `HOST/NAME`, and how much of that it covers; null without one. */
export function ruleFor(
  rules: readonly RegistryRule[],
  repository: string,
): { rule: RegistryRule; covered: number } | null {
  let best: { rule: RegistryRule; covered: number } | null = null;
  for (const rule of rules) {
    const covered = matchedLength(rule.prefix, repository);
    if (covered > 0 && rule.prefix.length > (best?.rule.prefix.length ?? 0)) best = { rule, covered };
  }
  return best;
}

/** How many characters a prefix covers; 0 when it is none. It ends where a part of the name ends. */
function matchedLength(prefix: string, repository: string): number {
  if (!prefix.startsWith('*.'))
    return repository.startsWith(prefix) && endsPart(repository, prefix.length) ? prefix.length : 0;
  const slash = repository.indexOf('/');
  const host = slash < 0 ? repository : repository.slice(0, slash);
  const domain = prefix.slice(1);
  for (const candidate of [host, host.replace(/:\d+$/, '')]) {
    if (candidate.endsWith(domain) && candidate.length > domain.length) return candidate.length;
  }
  return 0;
}

function endsPart(repository: string, at: number): boolean {
  return at === repository.length || repository[at] === '/' || repository[at] === ':';
}

/** `HOST/NAME` taken apart. */
export function splitRepository(repository: string): { host: string; name: string } {
  const slash = repository.indexOf('/');
  return slash < 0
    ? { host: repository, name: '' }
    : { host: repository.slice(0, slash), name: repository.slice(slash + 1) };
}
