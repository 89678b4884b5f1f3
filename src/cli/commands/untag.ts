import { DEFAULT_TAG, familiarName, imageReference, parseRepositoryTag } from '../../identity/reference.ts';
import { printable } from '../../reporting/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { refuseReadOnly } from '../lookup.ts';
import { type Verb, examples } from '../verb.ts';

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<name>', 'REPOSITORY[:TAG]; without a tag it is latest')
      .addHelpText(
        'after',
        '\nA name that has images for several platforms goes as a whole; `rm --platform` removes one of them.\n' +
          examples(['Forget a name, and keep its image', 'layermill untag app:1.2']),
      ),

  run: async (session, operands) => {
    const { repository, reference } = parseRepositoryTag(operands[0]!);
    const tag = reference === '' ? DEFAULT_TAG : reference;
    const engine = await session.engine();
    refuseReadOnly(engine);
    await engine.tags.delete(repository, tag, { signal: session.signal });
    const untagged = imageReference(familiarName(repository), tag);
    if (session.json) session.out.json({ untagged });
    else session.out.line(`untagged: ${printable(untagged)}`);
    return EXIT.done;
  },
};
