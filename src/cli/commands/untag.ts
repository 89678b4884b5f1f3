import { familiarReference, parseRepositoryTag } from '../../identity/reference.ts';
import { EXIT } from '../exit-codes.ts';
import { examples, type Verb } from '../verb.ts';

/** `layermill untag REPO[:TAG]` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<name>', 'REPOSITORY[:TAG]; the tag is latest when there is none')
      .addHelpText('after', examples(['take a name away', 'layermill untag busybox:old']));
  },
  async run(session, [name]) {
    const { tags } = await session.engine();
    const full = familiarReference(name!);
    const { repository, reference } = parseRepositoryTag(full);
    await tags.delete(repository, reference);
    if (session.json) session.out.json({ untagged: full });
    else session.out.line(`untagged: ${full}`);
    return EXIT.done;
  },
};
