import type { EngineError } from '../errors/engine-error.ts';
import { engineError } from '../errors/kinds.ts';
import { quoted } from '../image/strict-json.ts';

/** The v1 images of a source: each id's parent, and what is wrong with those that cannot be used. */
export interface Family {
  parents: Map<string, string | null>;
  broken: Map<string, EngineError>;
}

const CIRCLE = 'its parents go round in a circle';

/**
 * The ids from the base to `head`. Nothing outside the source is a parent: a chain that does not end in a base, or turns
 * back on itself, throws CHAIN_INVALID; one of more than `limit` images LIMIT_EXCEEDED.
 */
export function chainOf({ parents, broken }: Family, head: string, limit: number): string[] {
  const chain = new Set<string>();
  for (let id: string | null = head; id !== null; id = parents.get(id) ?? null) {
    if (chain.has(id)) throw chainInvalid(id, CIRCLE);
    if (broken.has(id)) throw broken.get(id)!;
    if (!parents.has(id)) throw chainInvalid(id, 'it is named as an image or a parent, but is not there');
    chain.add(id);
    if (chain.size > limit) {
      throw engineError('LIMIT_EXCEEDED', `the image has more than ${limit} layers`, {
        limit: 'layers',
        allowed: limit,
      });
    }
  }
  return [...chain].reverse();
}

/** Those that are no image's parent. */
export function headsOf({ parents }: Family): string[] {
  const isParent = new Set(parents.values());
  return [...parents.keys()].filter((id) => !isParent.has(id));
}

/** What none of `heads` leads to and is broken itself, or hangs in a circle: it has children, and no head above it. */
export function* straysOf({ parents, broken }: Family, heads: Iterable<string>): Generator<[string, EngineError]> {
  const reached = new Set<string>();
  for (const head of heads) {
    for (let id: string | null = head; id !== null && !reached.has(id); id = parents.get(id) ?? null) reached.add(id);
  }
  for (const [id, error] of broken) if (!reached.has(id)) yield [id, error];
  for (const id of parents.keys()) if (!reached.has(id)) yield [id, chainInvalid(id, CIRCLE)];
}

export function chainInvalid(id: string, problem: string): EngineError {
  return engineError('CHAIN_INVALID', `the image ${quoted(id)} is not usable: ${problem}`, { id: id.slice(0, 200) });
}
