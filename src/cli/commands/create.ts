import { open, realpath, stat } from 'node:fs/promises';
import type { TarSource } from '../../archive/tar-source.ts';
import type { Engine } from '../../engine.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Image } from '../../graph/image.ts';
import type { LayerInput } from '../../graph/layer-input.ts';
import { parseStrictJson } from '../../image/strict-json.ts';
import { decodeV1Config } from '../../image/v1-compat.ts';
import type { V1Config } from '../../image/v1-config.ts';
import { imageReference } from '../../identity/reference.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp, refuseReadOnly } from '../lookup.ts';
import { type Verb, examples } from '../verb.ts';
import { runTracked } from '../tracked-work.ts';
import { newName } from './tag.ts';

interface Options {
  parent?: string;
  message?: string;
  author?: string;
  imageConfig?: string;
  container?: string;
  containerConfig?: string;
  tag?: string;
  rootfs?: string;
  platform?: string;
}

/** No config is larger; anything else given by mistake is refused. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('[changes]', 'a directory or a tar that is the changeset, added as it is; - is the standard input')
      .option('--rootfs <dir>', 'a whole file system instead: what it changes against the parent is added')
      .option('--parent <image>', 'the image below: a name, an id, or the beginning of an id')
      .option('-m, --message <comment>', 'a comment')
      .option('-a, --author <author>', 'who made it')
      .option('--tag <name>', 'a name for the new image: REPOSITORY[:TAG]')
      .option('--image-config <file>', 'JSON of what containers of the image run with (Cmd, Env, …)')
      .option('--container <id>', 'the container in which the changes were made')
      .option('--container-config <file>', 'JSON of what that container ran with')
      .option('--platform <platform>', 'of a parent that has several images: the one for os/architecture')
      .addHelpText(
        'after',
        examples(
          ['A base image from a directory', 'layermill create rootfs --tag base:1'],
          ['On top of it, from a tar', `layermill create changes.tar --parent base:1 --tag app:1 -m 'add the app'`],
          ['What a changed copy of its tree changes', 'layermill create --rootfs tree --parent app:1 --tag app:2'],
        ),
      ),

  run: async (session, operands, options: Options) => {
    const name = options.tag === undefined ? null : newName(options.tag);
    checkChanges(operands[0], options);
    const imageConfig = await readConfig(options.imageConfig);
    const containerConfig = await readConfig(options.containerConfig);
    const engine = await session.engine();
    refuseReadOnly(engine);
    const parent = options.parent === undefined ? null : await lookUp(engine, options.parent, options.platform);
    const layer =
      options.rootfs === undefined ? await changeset(operands[0]!) : await tree(engine, options.rootfs, parent!);
    const image = await runTracked(session, engine, options.tag ?? operands[0] ?? options.rootfs!, {
      type: 'create',
      layer,
      parent: parent?.id,
      comment: options.message,
      author: options.author,
      config: imageConfig,
      containerId: options.container,
      containerConfig,
    });
    if (name !== null) await engine.tags.set(name.repository, name.tag, image.id, true);
    if (session.json) session.out.json(await describe(engine, image, name));
    else session.out.line(image.id);
    return EXIT.done;
  },
};

function checkChanges(changes: string | undefined, { rootfs, parent }: Options): void {
  if ((changes === undefined) === (rootfs === undefined)) {
    const message = 'give either a changeset (a directory or a tar) or --rootfs with a whole file system';
    throw engineError('INVALID_ARGUMENT', message, { argument: 'changes' });
  }
  if (rootfs !== undefined && parent === undefined) {
    const message =
      '--rootfs is compared with a parent; name one with --parent, or give the directory without --rootfs';
    throw engineError('INVALID_ARGUMENT', message, { argument: '--rootfs' });
  }
}

/** Threads open nothing through a link, so the path they get has none. */
async function changeset(path: string): Promise<LayerInput> {
  if (path === '-') return process.stdin;
  if (!(await stat(path)).isDirectory()) return path;
  return { from: 'directory', dir: await realpath(path) };
}

async function tree({ graph }: Engine, rootfs: string, parent: Image): Promise<TarSource> {
  return { from: 'tree', dir: await realpath(rootfs), parent: await graph.mountOf(parent.id) };
}

async function readConfig(path: string | undefined): Promise<V1Config | undefined> {
  if (path === undefined) return undefined;
  const raw = await readSmallFile(path);
  return decodeV1Config(parseStrictJson(raw, `the config ${JSON.stringify(path)}`)) ?? undefined;
}

async function readSmallFile(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size <= MAX_CONFIG_BYTES) return await file.readFile();
  } finally {
    await file.close();
  }
  const message = `${JSON.stringify(path)} is larger than 4 MiB; it is no config`;
  throw engineError('LIMIT_EXCEEDED', message, { limit: 'config bytes', allowed: MAX_CONFIG_BYTES });
}

async function describe(
  engine: Engine,
  image: Image,
  name: { repository: string; tag: string } | null,
): Promise<object> {
  const info = await engine.graph.infoOf(image.id);
  return {
    id: image.id,
    parent: image.parent === '' ? null : image.parent,
    names: name === null ? [] : [imageReference(name.repository, name.tag)],
    created: image.created,
    size: image.size,
    diffId: info?.diffId ?? null,
  };
}
