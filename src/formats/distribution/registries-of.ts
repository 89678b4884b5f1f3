import type { FormatContext } from '../context.ts';
import { openAccess } from './access.ts';
import { openRegistries } from './open-registries.ts';
import type { Registries, RegistryOptions } from './registry.ts';

/** The registries of a run, or some of its own for one source or sink, which `close` then closes. */
export function registriesOf(
  context: FormatContext,
  side: 'source' | 'sink',
): { registries: Registries; close: () => Promise<void> } {
  const { registries } = context;
  if (registries !== undefined) return { registries, close: () => Promise.resolve() };
  const own = registriesFor(context, side, context.registry ?? {});
  return { registries: own, close: () => own.close() };
}

/** Opens the registries of one side of a run. A side that writes asks no mirrors: what only they have is sent all the same. */
export function registriesFor(
  { pool, system, documents, signal }: Pick<FormatContext, 'pool' | 'system' | 'documents' | 'signal'>,
  side: 'source' | 'sink',
  options: RegistryOptions,
): Registries {
  const mirrors = side === 'source';
  const access = openAccess(options);
  return openRegistries({ ...options, access, pool, sha256: system.sha256, documents, signal, mirrors });
}
