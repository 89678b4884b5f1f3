import { engineError } from '../errors/kinds.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { DEFAULT_DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';

/** `value` without the control characters that could speak to a terminal, for messages. */
export function quoted(value: string): string {
  const shown = value.length > 200 ? `${value.slice(0, 200)}…` : value;
  // JSON.stringify leaves DEL and the C1 controls alone, and a terminal obeys some of them.
  return JSON.stringify(shown).replace(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

export function jsonInvalid(what: string, problem: string, cause?: unknown): EngineError {
  return engineError('JSON_INVALID', `${what} is not usable: ${problem}`, { what }, cause);
}

/**
 * Parses a document that anybody may have written. Every parser must read the same from it, so that what one tool
 * checked is what another uses: UTF-8 without a mark, one value and nothing behind it, no repeated keys, no halves of
 * surrogate pairs; and it is bounded in bytes and depth before anything recursive sees it.
 * Throws JSON_INVALID or LIMIT_EXCEEDED; `what` names the document in the message.
 */
export function parseStrictJson(
  raw: Uint8Array,
  what: string,
  limits: DocumentLimits = DEFAULT_DOCUMENT_LIMITS,
): unknown {
  if (raw.length > limits.bytes) {
    throw engineError('LIMIT_EXCEEDED', `${what} has ${raw.length} bytes; ${limits.bytes} are allowed`, {
      limit: 'document bytes',
      allowed: limits.bytes,
    });
  }
  const text = decodeUtf8(raw, what);
  scan(text, what, limits.depth);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw jsonInvalid(what, 'it is not one JSON value', error);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(raw: Uint8Array, what: string): string {
  let text: string;
  try {
    text = UTF8.decode(raw);
  } catch (error) {
    throw jsonInvalid(what, 'it is not UTF-8', error);
  }
  if (text.startsWith('\ufeff')) throw jsonInvalid(what, 'it starts with a byte order mark');
  return text;
}

/** Keys seen in an object, and whether the next string is a key; null for an array. */
type Level = { keys: Set<string>; keyNext: boolean } | null;

/** Finds what JSON.parse lets through. Text that is no JSON at all is left for JSON.parse to refuse. */
function scan(text: string, what: string, maxDepth: number): void {
  const levels: Level[] = [];
  let escape = nextEscape(text, 0);
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        if (escape < at) escape = nextEscape(text, at);
        const end = endOfString(text, at, escape, what);
        noteKey(levels.at(-1), text, at, end, what);
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_LIST:
        levels.push(text.charCodeAt(at) === OPEN_OBJECT ? { keys: new Set(), keyNext: true } : null);
        if (levels.length > maxDepth) throw tooDeep(what, maxDepth);
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        levels.pop();
        break;
      case COMMA: {
        const level = levels.at(-1);
        if (level) level.keyNext = true;
      }
    }
  }
}

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

function nextEscape(text: string, from: number): number {
  const at = text.indexOf('\\', from);
  return at === -1 ? text.length : at;
}

/** `start` and `end` are the quotes of a string. */
function noteKey(level: Level | undefined, text: string, start: number, end: number, what: string): void {
  if (!level?.keyNext) return;
  level.keyNext = false;
  const literal = text.slice(start + 1, end);
  const key = literal.includes('\\') ? unescape(text.slice(start, end + 1)) : literal;
  if (level.keys.has(key)) throw jsonInvalid(what, `it has the key ${quoted(key)} twice in one object`);
  level.keys.add(key);
}

function unescape(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}

/** The index of the closing quote, or of the last character when there is none. `escape` is the next backslash. */
function endOfString(text: string, start: number, escape: number, what: string): number {
  const quote = text.indexOf('"', start + 1);
  if (quote !== -1 && quote < escape) return quote;
  for (let at = Math.min(escape, text.length - 1); at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) return at;
    if (char !== BACKSLASH) continue;
    at += 1;
    if (text[at] === 'u') at = checkEscape(text, at, what);
  }
  return text.length - 1;
}

/** `at` is the `u` of an escape; the index of the last character of it, or of the pair that it starts. */
function checkEscape(text: string, at: number, what: string): number {
  const unit = Number.parseInt(text.slice(at + 1, at + 5), 16);
  if (unit >= 0xd800 && unit <= 0xdbff && /^\\u[dD][c-fC-F]/.test(text.slice(at + 5, at + 9))) return at + 10;
  if (unit >= 0xd800 && unit <= 0xdfff) throw jsonInvalid(what, 'it has half of a surrogate pair');
  return at + 4;
}

function tooDeep(what: string, allowed: number): EngineError {
  return engineError('LIMIT_EXCEEDED', `${what} is nested more than ${allowed} levels deep`, {
    limit: 'document depth',
    allowed,
  });
}

/**
 * The members of the object `value` under the names that are asked for. Go's decoders take any spelling of a key, and
 * some builders write other ones, so the exact spelling is looked for first, then any case; two spellings with
 * different values would be read differently by different tools and are refused. Throws JSON_INVALID.
 */
export function pickFields<Name extends string>(
  value: object,
  names: readonly Name[],
  what: string,
): { [Key in Name]?: unknown } {
  const picked: { [Key in Name]?: unknown } = {};
  const exact = new Set<string>(names);
  const others: string[] = [];
  for (const key of Object.keys(value)) {
    if (exact.has(key)) picked[key as Name] = (value as Record<string, unknown>)[key];
    else others.push(key);
  }
  // Most documents spell their keys as they should: folding all of them would take most of the time.
  if (others.length > 0) pickFolded(value as Record<string, unknown>, names, others, picked, what);
  return picked;
}

/** Adds to `picked` what is spelled in another way. */
function pickFolded<Name extends string>(
  value: Readonly<Record<string, unknown>>,
  names: readonly Name[],
  keys: readonly string[],
  picked: { [Key in Name]?: unknown },
  what: string,
): void {
  const wanted = new Map(names.map((name) => [foldCase(name), name]));
  const spelled = new Map<Name, string>();
  for (const key of keys) {
    const name = wanted.get(foldCase(key));
    if (name === undefined) continue;
    if (Object.hasOwn(picked, name) && JSON.stringify(picked[name]) !== JSON.stringify(value[key])) {
      throw jsonInvalid(what, `it has both ${quoted(spelled.get(name) ?? name)} and ${quoted(key)}, and they differ`);
    }
    if (Object.hasOwn(picked, name)) continue;
    picked[name] = value[key];
    spelled.set(name, key);
  }
}

/** Also folds the long s and the Kelvin sign, as Go's `encoding/json` does. */
export function foldCase(key: string): string {
  return key.toUpperCase().toLowerCase();
}
