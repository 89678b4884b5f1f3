import { setupInitLayer } from '../../archive/init-layer.ts';
import { EXIT } from '../exit-codes.ts';
import { type Verb, examples } from '../verb.ts';

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<dir>', 'the root of a container’s file system')
      .addHelpText(
        'after',
        '\nMakes /dev/pts, /proc, /etc/hosts and the other places that a container has mounted, replacing what is there.\n' +
          examples(['Get a tree ready for a container', 'layermill init-layer rootfs']),
      ),

  run: async (session, operands) => {
    const path = operands[0]!;
    await setupInitLayer(path);
    if (session.json) session.out.json({ path });
    return EXIT.done;
  },
};
