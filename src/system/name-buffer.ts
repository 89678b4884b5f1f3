import type { Bytes } from './system.ts';

/** A path component of at most 255 bytes, and most paths, fit without growing. */
const FIRST_SIZE = 4352;

/** A reused C string: `set` answers the buffer with `text` and its NUL, or null for a text that holds a NUL itself. */
export interface NameBuffer {
  set(text: Bytes): Buffer | null;
  /** As `set`, and null too for what is not one plain component: empty, `.`, `..`, or with a slash. */
  setComponent(name: Bytes): Buffer | null;
}

/** Passing a reused buffer saves an allocation a call, and unlike a string it is not converted to UTF-8. */
export function nameBuffer(): NameBuffer {
  let buffer = Buffer.allocUnsafe(FIRST_SIZE);
  const set = (text: Bytes): Buffer | null => {
    if (text.includes('\0')) return null;
    if (text.length >= buffer.length) buffer = Buffer.allocUnsafe(text.length * 2);
    buffer.write(text, 0, 'latin1');
    buffer[text.length] = 0;
    return buffer;
  };
  return { set, setComponent: (name) => (isComponent(name) ? set(name) : null) };
}

/** The last wall: a call that is relative to a directory never leaves it, whatever its caller forgot to check. */
export function isComponent(name: Bytes): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}
