import { engineError } from '../../errors/kinds.ts';
import { parseStrictJson, quoted } from '../../image/strict-json.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../image/document-limits.ts';
import { type Answer, bodyOf } from './exchange.ts';
import { resolveLocation } from './locations.ts';
import type { Call, Wire } from './wire.ts';

const MOST_PAGES = 1000;
/** Some registries put all names on one page. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * The pages of a list, by `Link` (RFC 8288). Throws REGISTRY_PROTOCOL for a link to another host, or to a page that was
 * there, LIMIT_EXCEEDED for pages without end.
 */
export async function* pagesOf<Value>(
  wire: Wire,
  first: Call,
  read: (answer: Answer) => Promise<Value>,
): AsyncGenerator<Value> {
  const seen = new Set<string>();
  let call: Call | null = first;
  while (call !== null) {
    if (seen.size === MOST_PAGES) throw tooManyPages(first.what);
    const current: Call = call;
    const page: { value: Value; next: URL | null } = await wire.send(current, async (answer) => {
      seen.add(answer.url.href);
      return { value: await read(answer), next: nextPage(answer, current) };
    });
    yield page.value;
    if (page.next !== null && seen.has(page.next.href)) throw inCircles(first);
    call = page.next === null ? null : { ...first, to: page.next };
  }
}

/** The names of a list of tags or repositories. */
export async function* namesOf(wire: Wire, first: Call, key: 'tags' | 'repositories'): AsyncGenerator<string> {
  const pages = pagesOf(wire, first, (answer) => bodyOf(answer, MOST_BYTES, first.what));
  for await (const raw of pages) yield* readNames(raw, key, first);
}

function readNames(raw: Buffer, key: string, { what, endpoint: { host } }: Call): string[] {
  const document = parseStrictJson(raw, what, { ...DEFAULT_DOCUMENT_LIMITS, bytes: MOST_BYTES });
  const names = (document as Record<string, unknown> | null)?.[key] ?? [];
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw engineError('REGISTRY_PROTOCOL', `${host} answers ${what} with something that is no list of ${quoted(key)}`, {
    host,
  });
}

function nextPage(answer: Answer, { endpoint }: Call): URL | null {
  const links = answer.headers('link').join(', ');
  const target = /<([^<>]*)>[^<>,]*;\s*rel="?next"?/i.exec(links)?.[1];
  if (target === undefined) return null;
  const url = resolveLocation(answer, target, endpoint.insecure);
  if (url.origin === answer.url.origin) return url;
  const { host } = endpoint;
  throw engineError('REGISTRY_PROTOCOL', `${host} continues a list on another host; that is not followed`, { host });
}

function inCircles({ what, endpoint: { host } }: Call): Error {
  return engineError('REGISTRY_PROTOCOL', `${host} answers ${what} with pages that lead in circles`, { host });
}

function tooManyPages(what: string): Error {
  return engineError('LIMIT_EXCEEDED', `${what} has more than ${MOST_PAGES} pages`, {
    limit: 'pages',
    allowed: MOST_PAGES,
  });
}
