import { imageLines } from '../image-lines.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import { EXIT } from '../exit-codes.ts';
import { ago, shortId, table } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

const COLUMNS = [
  { title: 'REPOSITORY' },
  { title: 'TAG' },
  { title: 'IMAGE ID' },
  { title: 'CREATED' },
  { title: 'SIZE', align: 'right' },
  { title: 'VIRTUAL SIZE', align: 'right' },
] as const;

/** `layermill images` */
export const verb: Verb = {
  define(command) {
    command
      .option('-a, --all', 'every image, those in the middle of a chain too')
      .addHelpText('after', examples(['what is in the store', 'layermill images'], ['for programs', 'layermill images --json']));
  },
  async run(session, _operands, options) {
    const engine = await session.engine();
    const lines = await imageLines(engine, (options as { all?: boolean }).all === true);
    if (session.json) {
      session.out.json(lines);
      return EXIT.done;
    }
    const now = new Date();
    const rows = lines.flatMap((line) => {
      const names = line.names.length === 0 ? ['<none>:<none>'] : line.names;
      return names.map((name) => {
        const { repository, reference } = parseRepositoryTag(name);
        const created = ago(new Date(line.created), now);
        return [repository, reference, shortId(line.id), created, humanSize(line.size), humanSize(line.virtualSize)];
      });
    });
    session.out.line(table(COLUMNS, rows));
    return EXIT.done;
  },
};
