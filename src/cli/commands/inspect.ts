import { configDigestOf, virtualSize } from '../image-lines.ts';
import { findImage } from '../image-lookup.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { EXIT } from '../exit-codes.ts';
import { table } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  raw?: boolean;
  platform?: string;
}

/** `layermill inspect NAME|ID` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<image>', 'a name or id')
      .option('--raw', "the bytes of the image's config, or of its JSON")
      .option('--platform <os/arch>', 'which image of a multi-platform name')
      .addHelpText('after', examples(['everything about an image', 'layermill inspect busybox --json']));
  },
  async run(session, [name], given) {
    const options = given as Options;
    const engine = await session.engine();
    const { graph, tags } = engine;
    const { id } = await findImage(engine, name!, options.platform);
    const image = await graph.get(id);
    const raw = (await graph.configOf(id)) ?? (await graph.rawJson(id));
    if (options.raw === true) {
      session.out.bytes(raw);
      return EXIT.done;
    }
    const layers = await graph.layersOf(id, { signal: session.signal });
    const facts = {
      id,
      names: tags.byId().get(id) ?? [],
      parent: image.parent,
      created: image.created,
      size: image.size,
      virtualSize: await virtualSize(graph, id),
      configDigest: await configDigestOf(graph, id),
      layers,
      config: JSON.parse(raw.toString('utf8')) as unknown,
    };
    if (session.json) {
      session.out.json(facts);
      return EXIT.done;
    }
    session.out.line(
      table(
        [{ title: 'Id' }, { title: id }],
        [
          ['Names', facts.names.join(', ') || '(none)'],
          ['Parent', facts.parent || '(none)'],
          ['Created', facts.created],
          ['Size', `${humanSize(facts.size)} (with everything below: ${humanSize(facts.virtualSize)})`],
          ['Config', facts.configDigest ?? '(none: a v1 image)'],
          ...layers.map((layer, index) => [index === 0 ? 'Layers' : '', `${layer.diffId}  ${humanSize(layer.size)}`]),
        ],
      ),
    );
    return EXIT.done;
  },
};
