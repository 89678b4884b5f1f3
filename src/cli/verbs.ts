import type { Verb } from './verb.ts';

export interface VerbEntry {
  summary: string;
  /** It works on layers: the threads may start before anything else is loaded. */
  threads: boolean;
  /** Options of every command that mean something else here, and are defined by the verb. */
  own?: readonly string[];
  load: () => Promise<Verb>;
}

const light = (summary: string, load: () => Promise<Verb>): VerbEntry => ({ summary, threads: false, load });
const heavy = (summary: string, load: () => Promise<Verb>): VerbEntry => ({ summary, threads: true, load });

/** Every verb, in the order of the help; its file is loaded when it is used. */
export const VERBS: Readonly<Record<string, VerbEntry>> = {
  import: heavy(
    'register every image of archives and layouts',
    async () => (await import('./commands/import.ts')).verb,
  ),
  create: heavy(
    'make a new image from a changeset or a directory',
    async () => (await import('./commands/create.ts')).verb,
  ),
  copy: {
    ...light(
      'copy images from anywhere to anywhere, without the store',
      async () => (await import('./commands/copy.ts')).verb,
    ),
    own: ['--format'],
  },
  plan: {
    ...light(
      'say what a batch would do and need, before anything starts',
      async () => (await import('./commands/plan.ts')).verb,
    ),
    own: ['--format'],
  },
  run: {
    ...light(
      'bring the images of a batch where they go, and go on when broken off',
      async () => (await import('./commands/run.ts')).verb,
    ),
    own: ['--format'],
  },
  verify: light(
    'look whether images are what they should be, wherever they are',
    async () => (await import('./commands/verify.ts')).verb,
  ),
  report: {
    ...light(
      'tell what became of a batch, and what is to be done',
      async () => (await import('./commands/report.ts')).verb,
    ),
    own: ['--format'],
  },
  export: heavy('write images to an archive or a layout', async () => (await import('./commands/export.ts')).verb),
  layer: heavy('get the top layer of an image as a tar', async () => (await import('./commands/layer.ts')).verb),
  unpack: heavy(
    "write an image's whole file tree to a directory",
    async () => (await import('./commands/unpack.ts')).verb,
  ),
  images: light('list the images, newest first', async () => (await import('./commands/images.ts')).verb),
  inspect: light('show everything about an image', async () => (await import('./commands/inspect.ts')).verb),
  'list-tags': light(
    'list the tags of a repository, the repositories of a registry, or the names in an archive',
    async () => (await import('./commands/list-tags.ts')).verb,
  ),
  delete: light('delete images in a registry', async () => (await import('./commands/delete.ts')).verb),
  history: light(
    'show how an image was made, newest step first',
    async () => (await import('./commands/history.ts')).verb,
  ),
  heads: light('list the ids that no image has as its parent', async () => (await import('./commands/heads.ts')).verb),
  tree: light('show the images below their parents', async () => (await import('./commands/tree.ts')).verb),
  tag: light('give an image a name', async () => (await import('./commands/tag.ts')).verb),
  untag: light('take a name away; the image stays', async () => (await import('./commands/untag.ts')).verb),
  rm: light('remove names, and images that lose their last one', async () => (await import('./commands/rm.ts')).verb),
  'init-layer': light(
    'prepare the mount points of a container in a directory',
    async () => (await import('./commands/init-layer.ts')).verb,
  ),
  bench: {
    ...light('measure this machine, beside other tools', async () => (await import('./commands/bench.ts')).verb),
    own: ['--json', '--threads', '--driver', '--durability', '--config'],
  },
};
