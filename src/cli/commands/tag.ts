import {
  DEFAULT_TAG,
  imageReference,
  parseRepositoryTag,
  validateTag,
  validateRepository,
} from '../../identity/reference.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp, refuseReadOnly } from '../lookup.ts';
import { type Verb, examples } from '../verb.ts';

interface Options {
  force?: boolean;
  platform?: string;
}

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<image>', 'a name, an id, or the beginning of an id')
      .argument('<name>', 'the new name: REPOSITORY[:TAG]; without a tag it is latest')
      .option('-f, --force', 'move the name when another image has it')
      .option('--platform <platform>', 'of a name that has several: the image for os/architecture')
      .addHelpText(
        'after',
        examples(
          ['A name for an image by its id', 'layermill tag 4f2a91c0d3e5 registry.example:5000/team/app:1.2'],
          ['Move a name', 'layermill tag --force app:1.2 app:stable'],
        ),
      ),

  run: async (session, operands, { force = false, platform }: Options) => {
    const [image, name] = operands as [string, string];
    const { repository, tag } = newName(name);
    const engine = await session.engine();
    refuseReadOnly(engine);
    const { id } = await lookUp(engine, image, platform);
    await engine.tags.set(repository, tag, id, force, { signal: session.signal });
    if (session.json) session.out.json({ id, name: imageReference(repository, tag) });
    return EXIT.done;
  },
};

/** A name to be given, checked before anything else is done. Throws INVALID_NAME, INVALID_TAG. */
export function newName(text: string): { repository: string; tag: string } {
  const { repository, reference } = parseRepositoryTag(text);
  return {
    repository: validateRepository(repository),
    tag: validateTag(reference === '' ? DEFAULT_TAG : reference),
  };
}
