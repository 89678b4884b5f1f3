import * as v from 'valibot';
import { kindOf } from '../../errors/arguments.ts';
import { nearest } from '../../config/suggest.ts';
import { ENTRY, JOB, type JobDocument, type JobEntry } from './job-schema.ts';
import { jobFileInvalid, keyText, type Path, type Problem } from './problems.ts';
import { shown, type YamlDocument } from './yaml-document.ts';

/** What has the right shape of a document: all of it where nothing is wrong, else what can be looked at further. */
export interface CheckedDocument {
  document: JobDocument | null;
  entries: { index: number; entry: JobEntry }[];
  problems: Problem[];
}

/** Checks the shape of a job file. Throws JOB_FILE_INVALID where there is nothing else to look at. */
export function checkDocument({ value, lineOf }: YamlDocument, file: string): CheckedDocument {
  const input = withoutExtensions(checkTop(value, file, lineOf));
  const result = v.safeParse(JOB, input);
  const problems = (result.issues ?? []).map((issue) => problemOf(issue, lineOf));
  const entries = Array.isArray(input['sync']) ? input['sync'] : [];
  return { document: result.success ? result.output : null, entries: rightOnes(entries), problems };
}

/** Entries without unknown keys, or with nothing else wrong. */
function rightOnes(entries: readonly unknown[]): CheckedDocument['entries'] {
  return entries.flatMap((input, index) => {
    const result = v.safeParse(ENTRY, input);
    const isRight = result.success || result.issues.every(({ type }) => type === 'never');
    return isRight ? [{ index, entry: result.output as JobEntry }] : [];
  });
}

function checkTop(value: unknown, file: string, lineOf: YamlDocument['lineOf']): Record<string, unknown> {
  const wrong = (path: Path, message: string): Error => jobFileInvalid(file, [{ path, line: lineOf(path), message }]);
  if (value === null || value === undefined) {
    throw wrong([], 'the file is empty; it begins with `version: 1`, and `sync:` lists what to copy');
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw wrong([], `a job file is a mapping with version and sync, not ${shown(value)}`);
  }
  const { version } = value as { version?: unknown };
  if (typeof version === 'number' && version > 1) {
    const message = `version ${version} of job files is newer than this layermill, which knows version 1; install a newer one`;
    throw wrong(['version'], message);
  }
  return value as Record<string, unknown>;
}

/** `x-…` at the top is for whoever writes the file: a place for anchors. */
function withoutExtensions(top: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(top).filter(([key]) => !key.startsWith('x-')));
}

function problemOf(issue: v.BaseIssue<unknown>, lineOf: YamlDocument['lineOf']): Problem {
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  return { path, line: lineOf(path), message: messageOf(issue, path) };
}

function messageOf(issue: v.BaseIssue<unknown>, path: Path): string {
  const key = keyText(path);
  if (issue.type === 'never') return `${key} is not known; ${hintFor(String(path.at(-1)), issue.message.split(', '))}`;
  if (issue.type === 'object_with_rest') return `${key} is missing`;
  // What is written beside a password may be one.
  const found = path[0] === 'creds' ? kindOf(issue.input) : shown(issue.input);
  return `${key} must be ${issue.message}, not ${found}`;
}

/** What other tools call the same. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  semverRange: 'semver',
  platform: 'platforms',
  digestTags: 'referrers',
  images: 'sync',
  username: 'user',
  password: 'pass',
  parallel: 'limits',
};

function hintFor(word: string, known: readonly string[]): string {
  const other = OTHER_WORDS[word];
  const meant = other !== undefined && known.includes(other) ? other : nearest(word, known);
  return meant === null ? `known are ${known.join(', ')}` : `did you mean ${meant}?`;
}
