import { EXIT } from '../exit-codes.ts';
import { type Verb, examples } from '../verb.ts';

export const verb: Verb = {
  define: (command) => void command.addHelpText('after', examples(['The tips of all chains', 'layermill heads'])),

  run: async (session) => {
    const { graph } = await session.engine();
    const ids: string[] = [];
    for await (const { id } of graph.heads()) ids.push(id);
    if (session.json) session.out.json(ids);
    else for (const id of ids) session.out.line(id);
    return EXIT.done;
  },
};
