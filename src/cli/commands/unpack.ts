import { resolve } from 'node:path';
import { printable } from '../../reporting/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp } from '../lookup.ts';
import { type Verb, examples } from '../verb.ts';
import { trackWork } from '../tracked-work.ts';

interface Options {
  platform?: string;
}

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<image>', 'a name, an id, or the beginning of an id')
      .argument('<dir>', 'a directory that is empty or does not exist')
      .option('--platform <platform>', 'of a name that has several: the image for os/architecture')
      .addHelpText(
        'after',
        '\nAs root with owners, devices and all attributes; otherwise as far as an ordinary user can.\n' +
          examples(['The files of an image', 'layermill unpack busybox rootfs']),
      ),

  run: async (session, operands, { platform }: Options) => {
    const [name, dir] = operands as [string, string];
    const engine = await session.engine();
    const { id } = await lookUp(engine, name, platform);
    const tracked = trackWork(session, name);
    try {
      const entries = await engine.graph.unpack(id, dir, tracked.options);
      if (session.json) session.out.json({ id, path: resolve(dir), entries });
      else session.out.line(`${entries} entries in ${printable(dir)}`);
      return EXIT.done;
    } finally {
      tracked.finish();
    }
  },
};
