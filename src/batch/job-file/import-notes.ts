import { quoted } from '../../image/strict-json.ts';
import type { BatchEntry } from '../batch.ts';
import type { JobCreds, JobDefaults, JobEntry } from './job-schema.ts';
import { keyText, type Path, type Problem } from './problems.ts';
import { readEntry } from './read-entry.ts';
import { shown, type YamlDocument } from './yaml-document.ts';

/** What is taken over from another tool's file, and what is not. */
export class ImportNotes {
  readonly entries: BatchEntry[] = [];
  readonly creds: JobCreds[] = [];
  defaults: JobDefaults = {};
  /** The file does not make sense by its own rules. */
  readonly problems: Problem[] = [];
  readonly #warnings = new Map<string, { text: string; times: number }>();
  readonly #lineOf: YamlDocument['lineOf'];

  constructor(lineOf: YamlDocument['lineOf']) {
    this.#lineOf = lineOf;
  }

  /** Something that cannot be said here, or not in the same way. The same of many entries is told once. */
  warn(path: Path, message: string): void {
    const same = `${String(path.at(-1))} ${message}`;
    const known = this.#warnings.get(same);
    if (known !== undefined) known.times += 1;
    else this.#warnings.set(same, { text: `${this.#placeOf(path)}${message}`, times: 1 });
  }

  problem(path: Path, message: string): void {
    this.problems.push({ path, line: this.#lineOf(path), message });
  }

  /** Adds an entry in our words; one that cannot be what was meant is left out, and that is said. */
  add(path: Path, entry: JobEntry): void {
    const { tags = {}, repos = {} } = entry;
    const other = [tags, repos].flatMap(({ allow = [], deny = [] }) => [...allow, ...deny]).find(isOfGo);
    if (other !== undefined) {
      this.leaveOut(
        path,
        `${quoted(other)} means something else here, where regular expressions are those of JavaScript`,
      );
      return;
    }
    const read = readEntry(entry, {}, (_inner, message) => this.leaveOut(path, message));
    if (read !== null) this.entries.push(read);
  }

  /** The same for what is our own: there all has to be right. */
  addChecked(path: Path, entry: JobEntry): void {
    const read = readEntry(entry, {}, (_inner, message) => this.problem(path, message));
    if (read !== null) this.entries.push(read);
  }

  leaveOut(path: Path, why: string): void {
    const line = this.#lineOf(path);
    const key = `${String(line)} ${why}`;
    if (!this.#warnings.has(key)) this.#warnings.set(key, { text: `${this.#placeOf(path)}left out: ${why}`, times: 1 });
  }

  /** Adds what a second file says. */
  take(other: ImportNotes, file: string): void {
    this.creds.push(...other.creds);
    for (const text of other.warnings)
      this.#warnings.set(`${file} ${text}`, { text: `${quoted(file)}: ${text}`, times: 1 });
  }

  get warnings(): string[] {
    return [...this.#warnings.values()].map(({ text, times }) => (times === 1 ? text : `${text} (${times} times)`));
  }

  #placeOf(path: Path): string {
    const line = this.#lineOf(path);
    const key = keyText(path);
    // A list has lines and no keys.
    return `${line === null ? '' : `line ${line}: `}${key === '' || key.startsWith('[') ? '' : `${key}: `}`;
  }
}

/** What Go's regular expressions have, and JavaScript's take for something else. */
function isOfGo(pattern: string): boolean {
  return /\\[AzCQEpP]|\[\[:|\(\?(?:P<|[imsU])/.test(pattern);
}

/** A mapping of another tool's file, read key by key; all values are texts, as they are written. */
export class Section {
  readonly path: Path;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #notes: ImportNotes;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: Path, notes: ImportNotes) {
    const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMapping && value !== '') notes.problem(path, `${keyText(path)} must be a mapping, not ${shown(value)}`);
    this.#value = isMapping ? (value as Record<string, unknown>) : {};
    this.path = path;
    this.#notes = notes;
  }

  get keys(): string[] {
    return Object.keys(this.#value);
  }

  /** Undefined for what is not there, and for what is empty. */
  text(key: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined || typeof value === 'string') return value || undefined;
    this.#wrong(key, 'a text', value);
    return undefined;
  }

  /** A list of texts, or one of them. */
  texts(key: string): string[] | undefined {
    const value = this.#take(key);
    if (value === undefined || value === '') return undefined;
    const list = Array.isArray(value) ? (value as unknown[]) : [value];
    if (list.every((item) => typeof item === 'string')) return list;
    this.#wrong(key, 'a list of texts', value);
    return undefined;
  }

  yes(key: string): boolean | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : /^(true|yes|on)$/i.test(value);
  }

  section(key: string): Section | undefined {
    const value = this.#take(key);
    return value === undefined ? undefined : new Section(value, [...this.path, key], this.#notes);
  }

  sections(key: string): Section[] {
    const value = this.#take(key) ?? [];
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) => new Section(item, [...this.path, key, index], this.#notes));
    }
    if (value !== '') this.#wrong(key, 'a list', value);
    return [];
  }

  /** Tells of all that was not asked for, with the reason where there is one for it. */
  warnOfRest(reasons: Readonly<Record<string, string>>): void {
    for (const key of this.keys) {
      if (this.#read.has(key) || key.startsWith('x-')) continue;
      this.#notes.warn([...this.path, key], reasons[key] ?? 'not known here, and not taken over');
    }
  }

  #take(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined;
  }

  #wrong(key: string, what: string, value: unknown): void {
    const path = [...this.path, key];
    this.#notes.problem(path, `${keyText(path)} must be ${what}, not ${shown(value)}`);
  }
}
