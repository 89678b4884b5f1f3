import { quoted } from '../../image/strict-json.ts';
import { parseLocation } from '../../formats/transports.ts';
import { jobFileInvalid, type Problem } from './problems.ts';

/** One line of a list: `SOURCE`, or `SOURCE TARGET`. */
export interface ListLine {
  source: string;
  /** Null where one target is given for all. */
  target: string | null;
  /** From 1. */
  line: number;
}

/**
 * A field of a list: what has no blank, quote, backslash or `#` in front stands as it is, anything else as a JSON string.
 * A `#` at the beginning of a line, or after a blank, begins a comment.
 */
const FIELD = /\s*(?:#.*|("(?:[^"\\]|\\.)*")(?=\s|$)|([^\s"#]\S*))/y;

/** Takes a line of a list apart; null where a quote is not closed, or stands in the middle of something. */
export function fieldsOf(line: string): string[] | null {
  const fields: string[] = [];
  for (FIELD.lastIndex = 0; line.slice(FIELD.lastIndex).trim() !== '';) {
    const found = FIELD.exec(line);
    if (found === null) return null;
    const [, inQuotes, plain] = found;
    const field = inQuotes === undefined ? plain : unquoted(inQuotes);
    if (field === null) return null;
    if (field === undefined) break;
    fields.push(field);
  }
  return fields;
}

function unquoted(text: string): string | null {
  try {
    return JSON.parse(text) as string;
  } catch {
    return null;
  }
}

/** Reads a list, one image or source a line; empty lines do not count. Throws JOB_FILE_INVALID with all that is wrong. */
export function parseList(text: string, file: string): ListLine[] {
  const lines: ListLine[] = [];
  const problems: Problem[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const fields = fieldsOf(content);
    const message = wrong(fields);
    if (message !== null) problems.push({ path: [], line, message });
    else if (fields!.length > 0) lines.push({ source: fields![0]!, target: fields![1] ?? null, line });
  }
  if (problems.length > 0) throw jobFileInvalid(file, problems);
  return lines;
}

function wrong(fields: readonly string[] | null): string | null {
  if (fields === null) return 'a quoted part is a JSON string, with a blank behind it: "/a b/c.tar"';
  if (fields.length > 2) return `${quoted(fields[2]!)} is one too many: a line is SOURCE or SOURCE TARGET`;
  return fields.includes('') ? 'an empty text names nothing' : null;
}

/** A line that `parseList` reads again, without its end; a bare path is said to be one. */
export function listLine(source: string, target: string | null): string {
  const isBare = parseLocation(source).transport === null && !/^(\/|\.\.?\/|store:|-$)/.test(source);
  return [isBare ? `./${source}` : source, ...(target === null ? [] : [target])].map(field).join(' ');
}

function field(text: string): string {
  return /^[^\s"#\\\p{C}][^\s"\\\p{C}]*$/u.test(text) ? text : escaped(text);
}

/** JSON leaves some characters alone that break lines or cannot be seen. */
function escaped(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\p{Cf}\p{Co}\p{Cn}]/gu, (char) =>
    [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}
