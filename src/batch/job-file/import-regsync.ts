import { ownWords } from './endpoints.ts';
import type { ImportNotes, Section } from './import-notes.ts';
import { addCreds, inRegistry, rangeOf, secretOf } from './import-words.ts';
import type { JobEntry } from './job-schema.ts';
import type { Path } from './problems.ts';

const NO_SERVER = 'nothing here runs by itself; start `layermill run` from cron or a timer';
const PACED = 'registries are asked as fast as they answer, and waited for when they say so';
const ALWAYS = 'not needed here: images are always looked at and copied as a whole';

/** Why what regsync knows (its documentation, https://regclient.org/usage/regsync) is not taken over. */
const REASONS: Readonly<Record<string, string>> = {
  interval: NO_SERVER,
  schedule: NO_SERVER,
  ratelimit: PACED,
  reqPerSec: PACED,
  reqConcurrent: PACED,
  backup: 'tags at the target are not kept under another name before they change',
  hooks: 'there are no hooks',
  mediaTypes: 'images of every media type are copied',
  referrerFilters: 'all that refers to an image is copied, not only some',
  referrerSource: 'what refers to an image is looked for beside it',
  referrerTarget: 'what refers to an image goes with it',
  fastCopy: ALWAYS,
  forceRecursive: ALWAYS,
  includeExternal: 'layers that are meant to be fetched from elsewhere stay there',
  skipDockerConfig: 'auth.json and config.json are always asked for what creds do not say',
  credHelper: 'name it in credHelpers of an auth.json, and that as authFile',
  token: 'put it into an auth.json as identitytoken, and name that as authFile',
  hostname: 'say it as location in registries.conf',
  pathPrefix: 'say it as location in registries.conf',
  mirrors: 'say them in registries.conf',
  regcert: 'put it into a directory as ca.crt, and name that as certDir',
  clientCert: 'put it into a directory as client.cert, and name that as certDir',
  clientKey: 'put it into a directory as client.key, and name that as certDir',
};

/** Takes over a regsync.yml. */
export function importRegsync(file: Section, notes: ImportNotes): void {
  const version = file.text('version');
  if (version !== undefined && version !== '1')
    notes.problem(['version'], `only version 1 of regsync.yml is known, not ${version}`);
  for (const creds of file.sections('creds')) readCreds(creds, notes);
  const defaults = file.section('defaults');
  const jobs = Number(defaults?.text('parallel') ?? 0);
  if (jobs > 0) notes.defaults = { limits: { jobs } };
  const inherited = { referrers: wantsReferrers(defaults) };
  for (const entry of file.sections('sync')) readSync(entry, inherited, notes);
  defaults?.warnOfRest(REASONS);
  file.warnOfRest(REASONS);
}

function wantsReferrers(section: Section | undefined): boolean | undefined {
  const [all, byTag] = [section?.yes('referrers'), section?.yes('digestTags')];
  return all === undefined && byTag === undefined ? undefined : all === true || byTag === true;
}

function readCreds(section: Section, notes: ImportNotes): void {
  const registry = section.text('registry');
  const [user, pass] = [section.text('user'), section.text('pass')];
  const tls = section.text('tls');
  if (registry === undefined || isTemplate(registry)) {
    notes.leaveOut(section.path, 'creds of a registry that is not said, or said by a template');
    return;
  }
  const isWhole = user !== undefined && pass !== undefined;
  addCreds(
    {
      registry,
      user: isWhole
        ? isTemplate(user)
          ? secretOf(user, registry, [...section.path, 'user'], notes, 'USER')
          : user
        : undefined,
      pass: isWhole ? secretOf(pass, registry, [...section.path, 'pass'], notes) : undefined,
      tls: tls === 'insecure' || tls === 'disabled' || tls === 'enabled' ? tls : undefined,
    },
    notes,
  );
  section.warnOfRest(REASONS);
}

function isTemplate(text: string): boolean {
  return text.includes('{{');
}

function readSync(section: Section, inherited: { referrers: boolean | undefined }, notes: ImportNotes): void {
  const [source, target, type] = ['source', 'target', 'type'].map((key) => section.text(key));
  const platforms = [...(section.texts('platforms') ?? []), ...(section.texts('platform') ?? [])];
  const common = {
    ...(platforms.length === 0 ? {} : { platforms }),
    ...said({ referrers: wantsReferrers(section) ?? inherited.referrers }),
    ...said({ repos: namesIn(section.section('repos')) }),
  };
  const sets = [section.section('tags'), ...section.sections('tagSets')].flatMap((set) => tagsIn(set) ?? []);
  section.warnOfRest(REASONS);
  if (source === undefined || target === undefined || type === undefined) {
    notes.problem(section.path, 'an entry of regsync.yml has source, target and type');
  } else if ([source, target].some(isTemplate)) {
    notes.leaveOut(section.path, 'source or target is a template; write what it stands for');
  } else {
    const ends = endsOf(source, target, type);
    if (ends === null)
      notes.leaveOut([...section.path, 'type'], `regsync has no type ${JSON.stringify(type)} that is known here`);
    else addSets(section.path, { ...ends, ...common }, sets, notes);
  }
}

function said<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Partial<Value>;
}

/** Whatever one of the sets lets through is wanted. */
function addSets(path: Path, entry: JobEntry, sets: readonly JobEntry['tags'][], notes: ImportNotes): void {
  if (sets.length === 0) notes.add(path, entry);
  for (const tags of sets) notes.add(path, { ...entry, tags });
}

function endsOf(source: string, target: string, type: string): Pick<JobEntry, 'source' | 'target' | 'type'> | null {
  const from = place(source);
  const to = place(target);
  const toRegistry = to.startsWith('docker:');
  switch (type) {
    case 'image':
      return { source: from, target: to, type };
    case 'repository': {
      const isLayout = !from.startsWith('docker:');
      return { source: from, target: toRegistry ? `${to}:{tag}` : to, type: isLayout ? 'image' : type };
    }
    case 'registry':
      return { source: from, target: toRegistry ? `${to}/{repository}:{tag}` : to, type };
    default:
      return null;
  }
}

function place(text: string): string {
  return text.startsWith('ocidir:') ? ownWords(text) : inRegistry(text);
}

function namesIn(section: Section | undefined): JobEntry['repos'] {
  if (section === undefined) return undefined;
  const names = said({ allow: section.texts('allow'), deny: section.texts('deny') });
  section.warnOfRest(REASONS);
  return Object.keys(names).length === 0 ? undefined : names;
}

function tagsIn(section: Section | undefined): JobEntry['tags'] {
  const semver = section?.texts('semverRange')?.map(rangeOf);
  const names = namesIn(section);
  return semver === undefined && names === undefined ? undefined : { ...names, ...said({ semver }) };
}
