/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1); names in lower case. */
export interface Challenge {
  scheme: string;
  params: ReadonlyMap<string, string>;
}

const PIECE = /\s*(?:,\s*)*(?:([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+.^_`|~\w-]+))/y;

/** The challenges of all such headers, in their order; what cannot be read ends the list. */
export function parseChallenges(headers: string | readonly string[] | undefined): Challenge[] {
  return [headers ?? []].flat().flatMap(challengesOf);
}

function challengesOf(header: string): Challenge[] {
  const found: { scheme: string; params: Map<string, string> }[] = [];
  PIECE.lastIndex = 0;
  for (let match = PIECE.exec(header); match !== null; match = PIECE.exec(header)) {
    const [, name, quoted, plain, scheme] = match;
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), params: new Map() });
    else found.at(-1)?.params.set(name!.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return found;
}
