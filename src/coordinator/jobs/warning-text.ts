import type { TaskWarning } from '../../tasks/envelope.ts';

/** A warning in one line; names of entries are escaped. */
export function warningText({ message, entry }: TaskWarning): string {
  return entry === undefined ? message : `${JSON.stringify(entry)}: ${message}`;
}
