import { engineError } from '../errors/kinds.ts';
import type { Platform } from '../image/image-source.ts';

/** `linux/arm64`, `linux/arm/v7`. Throws INVALID_ARGUMENT. */
export function parsePlatform(text: string | undefined): Platform | undefined {
  if (text === undefined) return undefined;
  const [os, architecture, variant, more] = text.split('/');
  if (os === undefined || os === '' || architecture === undefined || architecture === '' || more !== undefined) {
    throw engineError(
      'INVALID_ARGUMENT',
      `not a platform: ${JSON.stringify(text)}; write it as linux/arm64 or linux/arm/v7`,
      {
        argument: '--platform',
        value: text,
      },
    );
  }
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}
