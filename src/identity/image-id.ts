import { randomBytes } from 'node:crypto';
import { engineError } from '../errors/kinds.ts';

const IMAGE_ID = /^[a-f0-9]{64}$/;
const SHORT_ID_LENGTH = 12;

export function isImageId(text: string): boolean {
  return IMAGE_ID.test(text);
}

/** Checks an image id before it names a file or reaches a driver; answers it. Throws INVALID_ID. */
export function validateImageId(id: string): string {
  if (isImageId(id)) return id;
  const shown = id.slice(0, 200);
  throw engineError('INVALID_ID', `not an image id (64 lower-case hex digits): ${JSON.stringify(shown)}`, {
    id: shown,
  });
}

/** A new id of 32 random bytes. Its first 12 digits are never all decimal: as a host name they would be a number. */
export function generateRandomId(): string {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^[0-9]{12}/.test(id)) return id;
  }
}

/** The form of an id that people read: its first 12 characters. */
export function truncateId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH);
}

/** True for what may be a shortened id. */
export function isShortId(text: string): boolean {
  return /^[a-z0-9]{12}$/.test(text);
}
