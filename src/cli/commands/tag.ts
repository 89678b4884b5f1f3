import { familiarReference, parseRepositoryTag } from '../../identity/reference.ts';
import { EXIT } from '../exit-codes.ts';
import { findImage } from '../image-lookup.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  force?: boolean;
  platform?: string;
}

/** `layermill tag NAME|ID REPO[:TAG]` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<image>', 'a name or id')
      .argument('<name>', 'REPOSITORY[:TAG]; the tag is latest when there is none')
      .option('-f, --force', 'move a tag that names another image')
      .option('--platform <os/arch>', 'which image of a multi-platform name')
      .addHelpText('after', examples(['a second name', 'layermill tag busybox registry.example.com:5000/base:1']));
  },
  async run(session, [image, name], given) {
    const options = given as Options;
    const engine = await session.engine();
    const { id } = await findImage(engine, image!, options.platform);
    const full = familiarReference(name!);
    const { repository, reference } = parseRepositoryTag(full);
    await engine.tags.set(repository, reference, id, options.force === true);
    if (session.json) session.out.json({ id, name: full });
    return EXIT.done;
  },
};
