import { engineError } from '../errors/kinds.ts';

/** A compression level as it was typed; whether the codec has it is the codec's business. Throws INVALID_ARGUMENT. */
export function parseLevel(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d{1,3}$/.test(text)) return Number(text);
  throw engineError('INVALID_ARGUMENT', `not a compression level: ${JSON.stringify(text)}`, {
    argument: '--level',
    value: text,
  });
}
