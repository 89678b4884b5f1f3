import { EXIT } from '../exit-codes.ts';
import { examples, type Verb } from '../verb.ts';

/** `layermill heads` */
export const verb: Verb = {
  define(command) {
    command.addHelpText('after', examples(['the images that none is built on', 'layermill heads']));
  },
  async run(session) {
    const { graph } = await session.engine();
    const ids: string[] = [];
    for await (const image of graph.heads()) ids.push(image.id);
    if (session.json) session.out.json(ids);
    else for (const id of ids) session.out.line(id);
    return EXIT.done;
  },
};
