import { engineError } from '../../errors/kinds.ts';
import type { Engine } from '../../engine.ts';
import { familiarReference, parseRepositoryTag } from '../../identity/reference.ts';
import { combineExitCodes, EXIT, type ExitCode } from '../exit-codes.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  force?: boolean;
  prune: boolean;
}

/** One line of what happened. */
type Removed = { untagged: string } | { deleted: string };

/** `layermill rm NAME|ID...` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<images...>', 'names or ids')
      .option('-f, --force', 'remove an id that has several names')
      .option('--no-prune', 'keep ancestors that nothing needs any more')
      .addHelpText('after', examples(['a name, and the image when it was the last', 'layermill rm busybox:old']));
  },
  async run(session, names, options) {
    const engine = await session.engine();
    const codes: ExitCode[] = [];
    for (const name of names) {
      try {
        for await (const removed of remove(engine, name, options as Options)) {
          if (session.json) session.out.json(removed);
          else session.out.line('untagged' in removed ? `untagged: ${removed.untagged}` : `deleted: ${removed.deleted}`);
        }
        codes.push(EXIT.done);
      } catch (error) {
        codes.push(session.fail(error, { source: null, ref: name }, 'before'));
      }
    }
    return combineExitCodes(codes);
  },
};

/** By name: the name goes, with the last one the image. By id: all names go, several of them only by force. */
async function* remove({ graph, tags }: Engine, name: string, { force, prune }: Options): AsyncGenerator<Removed> {
  const { id } = await tags.lookupImage(name);
  const names = tags.byId().get(id) ?? [];
  const full = familiarReference(name);
  const byName = names.includes(full);
  if (!byName && names.length > 1 && force !== true) {
    const message = `image ${id.slice(0, 12)} has several names (${names.join(', ')}); remove one of them, or all with --force`;
    throw engineError('IMAGE_HAS_NAMES', message, { id, names });
  }
  if (graph.hasChildren(id) && (!byName || names.length === 0)) await graph.delete(id);
  for (const going of byName ? [full] : names) {
    const { repository, reference } = parseRepositoryTag(going);
    await tags.delete(repository, reference);
    yield { untagged: going };
  }
  if (byName && names.length > 1) return;
  for (let at = id; at !== '' && !graph.hasChildren(at) && !tags.byId().has(at); ) {
    const { parent } = await graph.get(at);
    await graph.delete(at);
    yield { deleted: at };
    if (!prune) return;
    at = parent;
  }
}
