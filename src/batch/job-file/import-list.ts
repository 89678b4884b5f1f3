import { isTemplate } from '../plan/target.ts';
import { hasTransport, isPattern } from './endpoints.ts';
import type { ImportNotes } from './import-notes.ts';
import { inRegistry } from './import-words.ts';
import type { JobEntry } from './job-schema.ts';
import { fieldsOf, parseList } from './list.ts';

/**
 * Whether a text is a list and no YAML: each line is one or two names or paths. A mapping has keys that end in a colon, a
 * sequence dashes, and JSON brackets.
 */
export function isList(text: string): boolean {
  let fields = 0;
  for (const line of text.split(/\r?\n/)) {
    // Beyond that it is no name of anything, and not worth a look.
    const found = line.length > LONGEST_LINE ? null : fieldsOf(line);
    if (found === null || found.length > 2 || found[0] === '-' || !found.every(isName)) return false;
    fields += found.length;
  }
  return fields > 0;
}

const LONGEST_LINE = 20_000;

function isName(field: string): boolean {
  return field === '-' || !/^[[{\]}-]|:$/.test(field);
}

/** Takes over a list of references and of what `run` wrote itself; `target` is for lines that name none. */
export function importList(text: string, file: string, notes: ImportNotes, target: string | undefined): void {
  let untagged = 0;
  for (const { source: given, target: to, line } of parseList(text, file)) {
    const source = sourceOf(given);
    const where = to ?? target;
    if (where === undefined) {
      notes.problem([line], 'this line does not say where it goes; give a target for all, or one behind it');
      continue;
    }
    if (source.type === 'image' && source.source.startsWith('docker:') && !/[:@][^/]*$/.test(source.source))
      untagged += 1;
    notes.addChecked([line], { ...source, target: targetOf(where) });
  }
  if (untagged > 0) notes.warn([], `${untagged} ${untagged === 1 ? 'name has' : 'names have'} no tag; latest is meant`);
}

function sourceOf(text: string): Pick<JobEntry, 'source' | 'type'> {
  const isDocker = text.startsWith('docker://');
  const isPath = /^(\.{0,2}\/|-$)|\.(tar|tgz|tar\.[a-z0-9]+)$/.test(text);
  if (!isDocker && isPattern(text)) return { source: text, type: 'pattern' };
  if (hasTransport(text)) return { source: text };
  return isPath ? { source: text, type: 'archive' } : { source: inRegistry(text), type: 'image' };
}

function targetOf(text: string): string {
  return hasTransport(text) || isTemplate(text) ? text : inRegistry(text);
}
