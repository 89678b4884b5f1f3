import { quoted } from '../../image/strict-json.ts';
import type { ImportNotes } from './import-notes.ts';
import type { JobCreds } from './job-schema.ts';
import type { Path } from './problems.ts';

/** A regular expression that must fit the whole name where the other tool looks for it anywhere in the name. */
export function anywhere(pattern: string): string {
  const [, start, middle = '', end] = /^(\^?)(.*?)((?<!\\)\$)?$/s.exec(pattern)!;
  // An alternative has an anchor of its own.
  if (/[|]/.test(pattern)) return `.*(?:${pattern}).*`;
  return `${start === '' ? '.*' : ''}${middle}${end === undefined ? '.*' : ''}`;
}

/** A range of versions as other tools write it: there a comma says "and". */
export function rangeOf(range: string): string {
  return range.replaceAll(/\s*,\s*/g, ' ').trim();
}

/** `docker://` before a name as tools write it that know registries only. */
export function inRegistry(name: string): string {
  return `docker://${name.replace(/^docker:\/\//, '')}`;
}

/**
 * A user or password as ours: what comes from the environment does so here, and a secret that stands in the file becomes
 * a variable, which is said.
 */
export function secretOf(text: string, registry: string, path: Path, notes: ImportNotes, what = 'PASSWORD'): string {
  const known = /^(?:\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)|\{\{\s*env\s+["'`]([A-Za-z_]\w*)["'`]\s*\}\})$/.exec(text);
  const name = known?.slice(1).find((group) => group !== undefined);
  if (name !== undefined) return `\${${name}}`;
  const variable = `${registry
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replace(/^(?=\d)/, 'R_')}_${what}`;
  notes.warn(
    path,
    `the ${what.toLowerCase()} for ${quoted(registry)} is not taken over; set ${variable} in the environment, or use an authFile`,
  );
  return `\${${variable}}`;
}

/** Adds what is known of a registry, if that is anything. */
export function addCreds(creds: JobCreds, notes: ImportNotes): void {
  const said = Object.fromEntries(Object.entries(creds).filter(([, value]) => value !== undefined)) as JobCreds;
  if (Object.keys(said).length > 1) notes.creds.push(said);
}
