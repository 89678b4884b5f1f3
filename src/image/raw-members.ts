import type { DocumentLimits } from './document-limits.ts';
import { jsonInvalid, parseStrictJson } from './strict-json.ts';

/** A string, a bracket or sign, or a number or word; white space lies between them. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;

/**
 * The members of a JSON object in their order, each value as it is written but for the white space around and in it.
 * Throws JSON_INVALID or LIMIT_EXCEEDED; `what` names the document.
 */
export function rawMembers(raw: Buffer, what: string, limits?: DocumentLimits): [key: string, value: string][] {
  const value = parseStrictJson(raw, what, limits);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw jsonInvalid(what, 'it is no object');
  const members: [key: string, value: string][] = [];
  let tokens: string[] = [];
  let depth = 0;
  for (const [token] of raw.toString('utf8').matchAll(TOKEN)) {
    if (token === '}' || token === ']') depth -= 1;
    const ends = depth === 0 || (depth === 1 && token === ',');
    if (ends && tokens.length > 0) {
      const [key, , ...rest] = tokens;
      members.push([JSON.parse(key!) as string, rest.join('')]);
      tokens = [];
    } else if (!ends) {
      tokens.push(token);
    }
    if (token === '{' || token === '[') depth += 1;
  }
  return members;
}
