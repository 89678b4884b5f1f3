import { setupInitLayer } from '../../archive/init-layer.ts';
import { EXIT } from '../exit-codes.ts';
import { examples, type Verb } from '../verb.ts';

/** `layermill init-layer DIR` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<dir>', 'the top directory of a container')
      .addHelpText('after', examples(['what Docker did before it started a container', 'layermill init-layer rootfs/']));
  },
  async run(_session, [dir]) {
    await setupInitLayer(dir!);
    return EXIT.done;
  },
};
