import type { Bytes } from '../system/system.ts';

/** No name that a file system takes is longer; hostile ones are cut. */
const SHOWN_BYTES = 4096;
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

/**
 * A name from an archive or a tree as one line of text that no terminal interprets: UTF-8 where it is valid, every
 * other byte and every control or formatting character escaped.
 */
export function shownName(name: Bytes): string {
  if (name.length > SHOWN_BYTES) return `${shownName(name.slice(0, SHOWN_BYTES))}…`;
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return text.replace(UNPRINTABLE, escaped);
  return name.replace(/[^ -[\]-~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function escaped(char: string): string {
  if (char === '\\') return '\\\\';
  if (char === '\n') return '\\n';
  if (char === '\t') return '\\t';
  return `\\u{${char.codePointAt(0)!.toString(16)}}`;
}
