import { engineError } from '../errors/kinds.ts';
import type { Platform } from './image-source.ts';

/** What people and Node call an architecture, and what images call it. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  ia32: '386',
  i386: '386',
  x86: '386',
  armhf: 'arm',
  ppc64el: 'ppc64le',
};

/** Variants that say nothing more than the architecture does. */
const PLAIN_VARIANTS: Readonly<Record<string, string>> = { arm64: 'v8', arm: 'v7', amd64: 'v1' };

/** The platform of this machine. */
export function hostPlatform(): Platform {
  return { os: process.platform, architecture: architectureName(process.arch) };
}

/** Reads `os/architecture[/variant]`. Throws UNSUPPORTED_PLATFORM. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.toLowerCase().split('/');
  if (!os || !architecture || variant === '' || rest.length > 0) {
    throw engineError(
      'UNSUPPORTED_PLATFORM',
      `not a platform: ${JSON.stringify(text)}; write it as os/architecture or os/architecture/variant, like linux/arm64`,
      { platform: text },
    );
  }
  return { os, architecture: architectureName(architecture), ...(variant === undefined ? {} : { variant }) };
}

/** As documents write it; null when the operating system or the architecture is missing or empty. */
export function platformFrom(fields: {
  os?: string | null | undefined;
  architecture?: string | null | undefined;
  variant?: string | null | undefined;
  'os.version'?: string | null | undefined;
}): Platform | null {
  if (!fields.os || !fields.architecture) return null;
  return {
    os: fields.os,
    architecture: fields.architecture,
    ...(fields.variant ? { variant: fields.variant } : {}),
    ...(fields['os.version'] ? { osVersion: fields['os.version'] } : {}),
  };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** Whether an image for `have` is what a person who asked for `wanted` means; a variant not asked for is the plain one. */
export function platformMatches(wanted: Platform, have: Platform): boolean {
  return (
    wanted.os === have.os &&
    architectureName(wanted.architecture) === architectureName(have.architecture) &&
    variantOf(wanted) === variantOf(have) &&
    (wanted.osVersion === undefined || wanted.osVersion === have.osVersion)
  );
}

function architectureName(name: string): string {
  return ARCHITECTURES[name] ?? name;
}

function variantOf(platform: Platform): string {
  return platform.variant ?? PLAIN_VARIANTS[architectureName(platform.architecture)] ?? '';
}
