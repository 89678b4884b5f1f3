import { EXIT } from '../exit-codes.ts';
import { findImage } from '../image-lookup.ts';
import { examples, type Verb } from '../verb.ts';

/** `layermill unpack NAME|ID DIR` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<image>', 'a name or id')
      .argument('<dir>', 'an empty directory, or one that does not exist yet')
      .option('--platform <os/arch>', 'which image of a multi-platform name')
      .addHelpText('after', examples(['look into an image', 'layermill unpack busybox /tmp/busybox']));
  },
  async run(session, [name, dir], options) {
    const engine = await session.engine();
    const { id } = await findImage(engine, name!, (options as { platform?: string }).platform);
    let bytes = 0;
    const finished = session.progress.track(name!, () => ({ bytes, totalBytes: null }));
    try {
      const entries = await engine.graph.unpack(id, dir!, {
        signal: session.signal,
        onProgress: (counters) => {
          bytes = counters.bytesIn;
        },
        onWarning: ({ message, entry }) => session.log.warn(entry === undefined ? message : `${entry}: ${message}`),
      });
      if (session.json) session.out.json({ id, dir, entries });
      else session.out.line(`${entries} entries in ${dir!}`);
    } finally {
      finished();
    }
    return EXIT.done;
  },
};
