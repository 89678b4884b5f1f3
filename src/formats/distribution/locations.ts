import { engineError } from '../../errors/kinds.ts';
import type { Answer } from './exchange.ts';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Where a redirect leads; null for an answer that is none. Throws REGISTRY_PROTOCOL for one to plain HTTP. */
export function nextHop(answer: Answer, insecure: boolean): URL | null {
  const location = answer.header('location');
  if (!REDIRECTS.has(answer.status) || location === undefined) return null;
  return resolveLocation(answer, location, insecure);
}

/**
 * A `Location` or `Link` made absolute. Registries behind a proxy that ends TLS often say `http:` of themselves: that is
 * read as where we are. Throws REGISTRY_PROTOCOL for what is no web address, or leads from TLS to plain HTTP.
 */
export function resolveLocation(answer: Answer, location: string, insecure: boolean): URL {
  const { url: from } = answer;
  if (!URL.canParse(location, from.href)) throw badLocation(answer, 'no address');
  const to = new URL(location, from);
  [to.username, to.password, to.hash] = ['', '', ''];
  if (to.protocol !== 'http:' && to.protocol !== 'https:') throw badLocation(answer, `an address of ${to.protocol}`);
  if (to.protocol === 'https:' || from.protocol === 'http:') return to;
  if (to.hostname === from.hostname && (to.port === '' || to.port === from.port)) {
    return new URL(`${to.pathname}${to.search}`, from.origin);
  }
  if (!insecure) throw badLocation(answer, 'plain HTTP');
  return to;
}

function badLocation(answer: Answer, what: string): Error {
  const { url, status } = answer;
  const host = url.host;
  answer.drop();
  return engineError('REGISTRY_PROTOCOL', `${host} leads on to ${what}; that is not followed`, { host, status });
}
