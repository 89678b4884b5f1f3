import { findImage } from '../image-lookup.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { EXIT } from '../exit-codes.ts';
import { ago, shortId, table } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

/** One step of the making of an image; `id` is null for steps that made no layer. */
interface Step {
  id: string | null;
  created: string;
  createdBy: string;
  size: number;
  names: string[];
  comment: string;
}

/** `layermill history NAME|ID` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<image>', 'a name or id')
      .addHelpText('after', examples(['how an image was made', 'layermill history busybox']));
  },
  async run(session, [name]) {
    const engine = await session.engine();
    const { id } = await findImage(engine, name!);
    const steps = await stepsOf(engine, id);
    if (session.json) {
      session.out.json(steps);
      return EXIT.done;
    }
    const now = new Date();
    session.out.line(
      table(
        [{ title: 'IMAGE' }, { title: 'CREATED' }, { title: 'CREATED BY' }, { title: 'SIZE', align: 'right' }, { title: 'COMMENT' }],
        steps.map((step) => [
          step.id === null ? '' : shortId(step.id),
          ago(new Date(step.created), now),
          step.createdBy.length > 60 ? `${step.createdBy.slice(0, 59)}…` : step.createdBy,
          humanSize(step.size),
          step.comment,
        ]),
      ),
    );
    return EXIT.done;
  },
};

/** Newest first, in the order of the chain: times may be equal or wrong. */
async function stepsOf({ graph, tags }: Awaited<ReturnType<Parameters<Verb['run']>[0]['engine']>>, id: string): Promise<Step[]> {
  const names = tags.byId();
  const steps: Step[] = [];
  for (const image of graph.history(id)) {
    const config = await graph.configOf(image.id);
    if (config !== null) return [...steps, ...(await configSteps(graph, image.id, config, names))];
    steps.push({
      id: image.id,
      created: image.created,
      createdBy: (image.containerConfig.Cmd ?? []).join(' '),
      size: (await graph.get(image.id)).size,
      names: names.get(image.id) ?? [],
      comment: image.comment,
    });
  }
  return steps;
}

async function configSteps(
  graph: Awaited<ReturnType<Parameters<Verb['run']>[0]['engine']>>['graph'],
  id: string,
  config: Buffer,
  names: Map<string, string[]>,
): Promise<Step[]> {
  const [{ decodeConfig }, { withLayers }] = await Promise.all([
    import('../../image/decode-config.ts'),
    import('../../image/history.ts'),
  ]);
  const { history } = decodeConfig(config);
  const layers = await graph.layersOf(id);
  const steps = withLayers(history, layers.length).map(({ entry, layer }): Step => {
    const made = layer === null ? undefined : layers[layer];
    return {
      id: made?.id ?? null,
      created: entry.created ?? '',
      createdBy: entry.createdBy ?? '',
      size: made?.size ?? 0,
      names: [],
      comment: entry.comment ?? '',
    };
  });
  const newestFirst = steps.reverse();
  const top = newestFirst[0];
  if (top !== undefined) top.names = names.get(id) ?? [];
  return newestFirst;
}
