import type { Engine } from '../../engine.ts';
import { engineError, isEngineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import { DEFAULT_TAG, familiarName, imageReference, parseRepositoryTag } from '../../identity/reference.ts';
import { printable } from '../../reporting/printable.ts';
import { EXIT, type ExitCode, combineExitCodes } from '../exit-codes.ts';
import { failureLine } from '../failure.ts';
import { bareId, lookUp, refuseReadOnly } from '../lookup.ts';
import { type Verb, examples } from '../verb.ts';

interface Options {
  force?: boolean;
  prune: boolean;
  platform?: string;
}

interface RemoveOptions {
  force: boolean;
  prune: boolean;
  platform: string | undefined;
}

type Removed = { untagged: string } | { deleted: string };
type Tell = (removed: Removed) => void;

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<image...>', 'names, ids, or beginnings of ids')
      .option('-f, --force', 'remove an image by its id although it has several names')
      .option('--platform <platform>', 'of a name that has several: only the image for os/architecture')
      .option('--no-prune', 'keep ancestors that have no name and no other children')
      .addHelpText(
        'after',
        '\nA name is dropped; with its last name an image goes too, and then every ancestor that nothing needs.\n' +
          'With --platform the image that the name has for it is meant, as if it was given by its id.\n' +
          examples(
            ['Drop a name, and the image when it was the last one', 'layermill rm app:1.2'],
            ['Remove an image with all its names', 'layermill rm --force 4f2a91c0d3e5'],
            ['Of several platforms remove one', 'layermill rm busybox --platform linux/s390x'],
          ),
      ),

  run: async (session, operands, { force = false, prune, platform }: Options) => {
    const engine = await session.engine();
    refuseReadOnly(engine);
    const results: unknown[] = [];
    const tell: Tell = (removed) => {
      results.push(removed);
      const [what, name] = Object.entries(removed)[0] as [string, string];
      if (!session.json) session.out.line(`${what}: ${printable(name)}`);
    };
    const codes: ExitCode[] = [];
    for (const name of operands) {
      try {
        await removeOne(engine, name, { force, prune, platform }, tell);
        codes.push(EXIT.done);
      } catch (error) {
        const at = { source: null, ref: name };
        codes.push(session.tell(error, at, 'before'));
        results.push(failureLine(asEngineError(error), at));
      }
    }
    if (session.json) session.out.json(results);
    return combineExitCodes(codes);
  },
};

async function removeOne(engine: Engine, name: string, options: RemoveOptions, tell: Tell): Promise<void> {
  const { platform } = options;
  if (platform !== undefined) return removeById(engine, (await lookUp(engine, name, platform)).id, options, tell);
  const { repository, reference } = parseRepositoryTag(name);
  const tag = reference === '' ? DEFAULT_TAG : reference;
  const named = engine.tags.get(repository)?.get(tag);
  if (named === undefined) return removeById(engine, bareId(name), options, tell);
  const untag = async (): Promise<void> => {
    await engine.tags.delete(repository, tag);
    tell({ untagged: imageReference(familiarName(repository), tag) });
  };
  const { graph, tags } = engine;
  const isLast = graph.has(named) && !graph.hasChildren(named) && tags.namesOf(named).length === 1;
  if (!isLast) return untag();
  await whileClaimed(engine, named, async () => {
    await untag();
    // Another process may have given it a name.
    if (isFree(engine, named)) await removeChain(engine, named, options.prune, tell);
  });
}

async function removeById(engine: Engine, name: string, { force, prune }: RemoveOptions, tell: Tell): Promise<void> {
  const { graph, tags } = engine;
  const { id } = await tags.lookupImage(name);
  const names = tags.namesOf(id);
  if (names.length > 1 && !force) {
    const message = `image ${id} has ${names.length} names: ${names.join(', ')}`;
    throw engineError('IMAGE_HAS_NAMES', message, { id, names });
  }
  // Its children are asked for before its names go; without names `delete` tells whose children they are.
  if (names.length === 0 || graph.hasChildren(id)) return removeChain(engine, id, prune, tell);
  await whileClaimed(engine, id, async () => {
    for (const untagged of await tags.deleteAll(id)) tell({ untagged });
    await removeChain(engine, id, prune, tell);
  });
}

/** One that somebody uses is refused before its names go, so that a refusal changes nothing. */
async function whileClaimed({ graph }: Engine, id: string, work: () => Promise<void>): Promise<void> {
  const release = graph.claim(id);
  try {
    await work();
  } finally {
    release();
  }
}

/** Nothing needs it: no name, no image built on it. */
function isFree({ graph, tags }: Engine, id: string): boolean {
  return graph.has(id) && !graph.hasChildren(id) && tags.namesOf(id).length === 0;
}

/** Removes an image, then every ancestor that nothing needs any more. */
async function removeChain(engine: Engine, id: string, prune: boolean, tell: Tell): Promise<void> {
  const { parent } = await engine.graph.get(id);
  await engine.graph.delete(id);
  tell({ deleted: id });
  if (!prune || parent === '' || !isFree(engine, parent)) return;
  try {
    await removeChain(engine, parent, prune, tell);
  } catch (error) {
    // Somebody has begun to use the ancestor: then it is needed after all.
    if (!isEngineError(error) || error.kind !== 'Conflict') throw error;
  }
}
