import { engineError } from '../errors/kinds.ts';

/** The error of an id that is in use for something else; `reason` says what differs. */
export function idTaken(id: string, reason: string, cause?: unknown): Error {
  const message = `the id ${id} is taken by an image that is not the same: ${reason}; it was left as it is`;
  return engineError('IMAGE_ID_TAKEN', message, { id, reason }, cause);
}
