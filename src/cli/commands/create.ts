import { readFile, realpath, stat } from 'node:fs/promises';
import type { LayerInput } from '../../graph/layer-input.ts';
import { engineError } from '../../errors/kinds.ts';
import { familiarReference, parseRepositoryTag } from '../../identity/reference.ts';
import { decodeV1Config } from '../../image/v1-compat.ts';
import type { V1Config } from '../../image/v1-config.ts';
import type { Engine } from '../../engine.ts';
import { EXIT } from '../exit-codes.ts';
import { findImage } from '../image-lookup.ts';
import { runTracked } from '../tracked-job.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  parent?: string;
  comment?: string;
  author?: string;
  imageConfig?: string;
  container?: string;
  containerConfig?: string;
  tag?: string;
  rootfs?: string;
}

/** `layermill create DIR|TAR`, `layermill create --rootfs DIR` */
export const verb: Verb = {
  define(command) {
    command
      .argument('[changes]', 'a directory or tar with the changes: .wh.NAME in it removes NAME')
      .option('--rootfs <dir>', 'a whole file system instead: the difference to the parent becomes the layer')
      .option('--parent <image>', 'the image that the new one is built on')
      .option('-m, --comment <text>', 'a comment')
      .option('-a, --author <text>', 'the author')
      .option('--image-config <file>', 'JSON: what containers of the image run with')
      .option('--container <id>', 'the container that made the changes')
      .option('--container-config <file>', 'JSON: what that container ran with')
      .option('--tag <name>', 'name the image')
      .addHelpText(
        'after',
        examples(
          ['a base image', 'layermill create rootfs.tar --tag base:1'],
          ['add a directory to it', 'layermill create app/ --parent base:1 --tag app:1 -m "the app"'],
        ),
      );
  },
  async run(session, [changes], given) {
    const options = given as Options;
    if ((changes === undefined) === (options.rootfs === undefined)) {
      throw engineError('INVALID_ARGUMENT', 'give either a changeset or --rootfs DIR', { argument: 'changes' });
    }
    if (options.tag !== undefined) parseRepositoryTag(familiarReference(options.tag));
    const engine = await session.engine();
    const parent = options.parent === undefined ? undefined : (await findImage(engine, options.parent)).id;
    const layer = await layerOf(engine, changes, options.rootfs, parent);
    const image = await runTracked(session, engine, changes ?? options.rootfs!, {
      type: 'create',
      layer,
      parent,
      comment: options.comment,
      author: options.author,
      config: await configFrom(options.imageConfig),
      containerId: options.container,
      containerConfig: await configFrom(options.containerConfig),
    });
    if (options.tag !== undefined) {
      const { repository, reference } = parseRepositoryTag(familiarReference(options.tag));
      await engine.tags.set(repository, reference, image.id, true);
    }
    if (session.json) {
      const { diffId } = (await engine.graph.layersOf(image.id)).at(-1)!;
      session.out.json({ id: image.id, parent: image.parent, size: image.size, diffId, names: engine.tags.byId().get(image.id) ?? [] });
    } else {
      session.out.line(image.id);
    }
    return EXIT.done;
  },
};

async function layerOf(engine: Engine, changes: string | undefined, rootfs: string | undefined, parent: string | undefined): Promise<LayerInput> {
  if (changes === '-') return process.stdin;
  const path = await realpath(changes ?? rootfs!);
  const isDirectory = (await stat(path)).isDirectory();
  if (changes !== undefined) return isDirectory ? { from: 'directory', dir: path } : path;
  if (!isDirectory) throw engineError('INVALID_ARGUMENT', `not a directory: ${JSON.stringify(rootfs)}`, { argument: '--rootfs' });
  const below = parent === undefined ? null : await engine.graph.mountOf(parent);
  return { from: 'tree', dir: path, parent: below };
}

async function configFrom(file: string | undefined): Promise<V1Config | undefined> {
  if (file === undefined) return undefined;
  const { parseStrictJson } = await import('../../image/strict-json.ts');
  return decodeV1Config(parseStrictJson(await readFile(file), `the file ${JSON.stringify(file)}`)) ?? undefined;
}
