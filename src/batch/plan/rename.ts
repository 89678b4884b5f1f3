import { engineError, isEngineError } from '../../errors/kinds.ts';
import { badArgument } from '../../errors/arguments.ts';
import { askedName } from '../../formats/names.ts';
import { quoted } from '../../image/strict-json.ts';
import { wholeName } from '../image-filter.ts';

/** A regular expression that must fit a whole name, and what takes its place: `$1` is its first group. */
export interface RenameRule {
  from: string;
  to: string;
}

/** Refuses a rule that can never do. Throws INVALID_ARGUMENT. */
export function checkRename({ from, to }: RenameRule): void {
  const groups = new RegExp(`${wholeName(from).source}|`).exec('')!.length - 1;
  for (const [, number] of to.matchAll(/\$\$|\$(\d{1,2})/g)) {
    // `$10` is the first group and a zero where there are no ten.
    if (number === undefined || [number, number[0]].some((digits) => Number(digits) > 0 && Number(digits) <= groups))
      continue;
    const has = groups === 0 ? 'no groups in brackets' : `${groups} ${groups === 1 ? 'group' : 'groups'}`;
    throw badArgument('rename', `${quoted(to)} speaks of $${number}, but ${quoted(from)} has ${has}`);
  }
}

/**
 * What becomes of a name (in familiar form, with its tag) by the rules, one after the other; a rule that does not fit
 * leaves it alone. Throws INVALID_NAME when no name comes out.
 */
export function renamed(name: string, rules: readonly RenameRule[]): string {
  const found = rules.reduce((before, { from, to }) => before.replace(wholeName(from), to), name);
  try {
    return found === name ? name : askedName(found);
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const message = `renaming makes ${quoted(found)} of ${quoted(name)}: ${error.message}`;
    throw engineError('INVALID_NAME', message, { name: found.slice(0, 300) }, error);
  }
}
