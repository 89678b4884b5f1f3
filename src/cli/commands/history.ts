import type { Engine } from '../../engine.ts';
import type { Image } from '../../graph/image.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import { withLayers } from '../../image/history.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { fitted, printable } from '../../reporting/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { lookUp } from '../lookup.ts';
import { ago, shortId, table } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';

interface Options {
  platform?: string;
  trunc: boolean;
}

/** One step of making an image. `id` is the image of its layer; null for a step that made none. Size in bytes. */
interface Step {
  id: string | null;
  created: string | null;
  createdBy: string;
  comment: string;
  names: string[];
  size: number;
}

export const verb: Verb = {
  define: (command) =>
    void command
      .argument('<image>', 'a name, an id, or the beginning of an id')
      .option('--platform <platform>', 'of a name that has several: the image for os/architecture')
      .option('--no-trunc', 'whole ids and commands')
      .addHelpText('after', examples(['How an image was made, the last step first', 'layermill history busybox'])),

  run: async (session, operands, { platform, trunc }: Options) => {
    const engine = await session.engine();
    const steps = await stepsOf(engine, await lookUp(engine, operands[0]!, platform), session.signal);
    if (session.json) session.out.json(steps);
    else session.out.line(tableOf(steps, trunc));
    return EXIT.done;
  },
};

async function stepsOf(engine: Engine, image: Image, signal: AbortSignal): Promise<Step[]> {
  const names = engine.tags.byId();
  const raw = await engine.graph.configOf(image.id);
  if (raw !== null) return stepsOfConfig(engine, image, raw, names.get(image.id) ?? [], signal);
  return engine.graph.history(image.id).map((link) => ({
    id: link.id,
    created: link.created,
    createdBy: (link.containerConfig.Cmd ?? []).join(' '),
    comment: link.comment,
    names: names.get(link.id) ?? [],
    size: Math.max(0, link.size),
  }));
}

/** The steps that the config tells of, and a step for each layer that it is silent about; newest first. */
async function stepsOfConfig(
  { graph }: Engine,
  image: Image,
  raw: Buffer,
  names: string[],
  signal: AbortSignal,
): Promise<Step[]> {
  const layers = await graph.layersOf(image.id, { signal });
  const told = withLayers(decodeConfig(raw).history, layers.length);
  const steps = told.map(({ entry, layer }) => ({
    id: layer === null ? null : layers[layer]!.id,
    created: entry.created,
    createdBy: entry.createdBy ?? '',
    comment: entry.comment ?? '',
    names: [],
    size: layer === null ? 0 : layers[layer]!.size,
  }));
  const silent = layers.slice(told.filter(({ layer }) => layer !== null).length);
  const all: Step[] = [
    ...steps,
    ...silent.map(({ id, size }) => ({ id, created: null, createdBy: '', comment: '', names: [], size })),
  ];
  const newest = all.at(-1);
  if (newest !== undefined) newest.names = names;
  return all.reverse();
}

function tableOf(steps: readonly Step[], trunc: boolean): string {
  const now = new Date();
  const short = (text: string): string => (trunc ? fitted(printable(text), 45) : text);
  const rows = steps.map((step) => [
    step.id === null ? '<none>' : trunc ? shortId(step.id) : step.id,
    step.created === null ? 'N/A' : ago(new Date(step.created), now),
    short(step.createdBy),
    humanSize(step.size),
    short(step.comment),
    step.names.join(', '),
  ]);
  return table(
    [
      { title: 'IMAGE' },
      { title: 'CREATED' },
      { title: 'CREATED BY' },
      { title: 'SIZE', align: 'right' },
      { title: 'COMMENT' },
      { title: 'NAMES' },
    ],
    rows,
  );
}
