import type { Batch } from '../batch.ts';
import { checkTarget } from '../plan/target.ts';
import { readCreds, tlsVerifyOf } from './creds.ts';
import { hasTransport } from './endpoints.ts';
import { importImageSyncer, importImageSyncerAuth } from './import-image-syncer.ts';
import { importList, isList } from './import-list.ts';
import { ImportNotes, Section } from './import-notes.ts';
import { importRegsync } from './import-regsync.ts';
import { importSkopeo, SKOPEO_KEYS } from './import-skopeo.ts';
import { readJobText } from './job-text.ts';
import { jobFileInvalid } from './problems.ts';
import { type Job, type JobWithAccess, limitsOf, parseJobFile } from './read-job-file.ts';
import { parseYaml, type YamlDocument } from './yaml-document.ts';

type JobKind = 'job' | 'regsync' | 'skopeo' | 'image-syncer' | 'list';

interface Imported<Said extends Job> {
  kind: JobKind;
  job: Said;
  /** What could not be said in our words, a line each. */
  warnings: string[];
}

interface ImportOptions {
  /** Where images go of which the file does not say it. */
  target?: string | undefined;
}

/**
 * Reads any file that says which images to copy: ours, those of regsync, skopeo sync and image-syncer, and plain lists;
 * which it is, is told by what is in it. Credentials of other tools whose variables are not set are a warning, because
 * auth files may have them. Throws JOB_FILE_INVALID, FILE_NOT_FOUND, PERMISSION_DENIED, and INVALID_ARGUMENT for a target
 * that is none.
 */
export async function importJob(
  file: string,
  {
    env,
    authFile,
    ...options
  }: ImportOptions & {
    env: NodeJS.ProcessEnv;
    /** Where image-syncer keeps its credentials. */
    authFile?: string | undefined;
  },
): Promise<Imported<JobWithAccess>> {
  const text = await readJobText(file);
  const auth = authFile === undefined ? undefined : { text: await readJobText(authFile), file: authFile };
  const { kind, job, warnings } = importText(text, { ...options, file, auth });
  if (kind === 'job') return { kind, job: parseJobFile(text, file, env), warnings };
  const hosts = job.creds.map((creds) => {
    let isWhole = true;
    const host = readCreds(creds, env, (_path, message) => {
      isWhole = false;
      warnings.push(`creds of ${creds.registry}: ${message}; auth files are asked instead`);
    });
    return isWhole ? host : { ...host, credentials: undefined };
  });
  return { kind, job: { ...job, registries: { hosts, tlsVerify: tlsVerifyOf(job.tls) } }, warnings };
}

interface TextOptions extends ImportOptions {
  /** What messages call it. */
  file: string;
  auth?: { text: string; file: string } | undefined;
}

/** The same for a text, without anything from the environment. */
export function importText(text: string, options: TextOptions): Imported<Job> {
  const { file, target } = options;
  if (target !== undefined) checkTarget(target);
  if (isList(text)) return collect('list', options, null, (notes) => importList(text, file, notes, target));
  const yaml = parseYaml(text, file, { texts: true });
  const kind = kindOf(yaml, file);
  switch (kind) {
    case 'job':
      return { kind, job: parseJobFile(text, file, null), warnings: [] };
    case 'regsync':
      return collect(kind, options, yaml, (notes, top) => importRegsync(top, notes));
    case 'skopeo':
      return collect(kind, options, yaml, (notes, top) => importSkopeo(top, notes, target));
    case 'image-syncer':
      return collect(kind, options, yaml, (notes, top) => readImageSyncer(top, notes, options));
  }
}

function collect(
  kind: JobKind,
  { file }: TextOptions,
  yaml: YamlDocument | null,
  read: (notes: ImportNotes, top: Section) => void,
): Imported<Job> {
  const notes = new ImportNotes(yaml?.lineOf ?? (([line]) => (line === undefined ? null : Number(line))));
  read(notes, new Section(yaml?.value ?? '', [], notes));
  if (notes.problems.length > 0) throw jobFileInvalid(file, notes.problems);
  const { entries, creds, warnings, defaults } = notes;
  if (entries.length === 0) {
    const why =
      warnings.length === 0 ? 'it names no image' : `nothing of it could be taken over: ${warnings.join('; ')}`;
    throw jobFileInvalid(file, [{ path: [], line: null, message: why }]);
  }
  const batch: Batch = { entries, limits: limitsOf(defaults) };
  return { kind, job: { batch, creds, tls: undefined }, warnings };
}

/** The older form of its file has auth and images in one. */
function readImageSyncer(top: Section, notes: ImportNotes, { target, auth }: TextOptions): void {
  const isOld = top.keys.includes('images');
  importImageSyncer(isOld ? top.section('images')! : top, notes, target);
  const inside = isOld ? top.section('auth') : undefined;
  if (inside !== undefined) importImageSyncerAuth(inside, notes);
  if (isOld) top.warnOfRest({});
  if (auth === undefined) return;
  const yaml = parseYaml(auth.text, auth.file, { texts: true });
  const own = new ImportNotes(yaml.lineOf);
  importImageSyncerAuth(new Section(yaml.value, [], own), own);
  if (own.problems.length > 0) throw jobFileInvalid(auth.file, own.problems);
  notes.take(own, auth.file);
}

function kindOf({ value }: YamlDocument, file: string): Exclude<JobKind, 'list'> {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  const top = isMapping ? (value as Record<string, unknown>) : {};
  const values = Object.entries(top).flatMap(([key, inner]) => (key.startsWith('x-') ? [] : [inner]));
  // Whatever is wrong with such a file, its own reader says best.
  if (Object.hasOwn(top, 'sync')) return isOurs(top['sync']) ? 'job' : 'regsync';
  if (!isMapping || Object.hasOwn(top, 'version') || values.length === 0) return 'job';
  if (isObject(top['images']) && Object.keys(top).every((key) => key === 'images' || key === 'auth'))
    return 'image-syncer';
  if (values.every((inner) => isObject(inner) && SKOPEO_KEYS.some((key) => Object.hasOwn(inner, key)))) return 'skopeo';
  if (values.every((inner) => typeof inner === 'string' || Array.isArray(inner))) return 'image-syncer';
  const message =
    'it is no job file, and not what regsync, skopeo sync or image-syncer read; a job file begins with `version: 1`';
  throw jobFileInvalid(file, [{ path: [], line: null, message }]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** regsync knows two places: registries, which it names without a transport, and `ocidir://`. */
function isOurs(sync: unknown): boolean {
  const entries = Array.isArray(sync) ? (sync as unknown[]).filter(isObject) : [];
  const ends = entries.flatMap((entry) => ['source', 'target'].map((key) => (entry as Record<string, unknown>)[key]));
  const texts = ends.filter((end) => typeof end === 'string');
  return texts.length === 0 || texts.some((text) => hasTransport(text) && !text.startsWith('ocidir:'));
}
