import type { EngineError } from '../../errors/engine-error.ts';
import type { Registries } from '../../formats/distribution/registry.ts';
import type { Batch } from '../batch.ts';

export async function* expandSources(
  batch: Batch,
  _options: { registries: Registries | undefined; signal: AbortSignal },
): AsyncGenerator<{ entry: number; location: string; error: EngineError | null }> {
  for (const [entry, { source }] of batch.entries.entries()) yield { entry, location: source.location, error: null };
}
