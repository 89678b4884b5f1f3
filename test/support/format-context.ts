import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import type { FormatContext } from '../../src/formats/context.ts';
import { openSource } from '../../src/formats/transports.ts';
import type { SourceItem } from '../../src/image/image-source.ts';
import { openSystem } from '../../src/system/select.ts';
import { inlinePool } from './test-store.ts';

/** What sources and sinks are opened with in tests, and a directory of its own for them. */
export interface FormatLab extends AsyncDisposable {
  context: FormatContext;
  /** For what a test writes. */
  dir: string;
  /** Where spools go; it must be empty again when everything is closed. */
  tempDir: string;
  close(): Promise<void>;
}

export function openFormatLab(overrides: Partial<FormatContext> = {}): FormatLab {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-formats-'));
  const tempDir = mkdtempSync(join(tmpdir(), 'layermill-spools-'));
  const pool = inlinePool();
  const context: FormatContext = { pool, system: openSystem(), tempDir, limits: DEFAULT_LIMITS, ...overrides };
  const close = async (): Promise<void> => {
    await pool.close();
    await rm(dir, { recursive: true, force: true });
    await rm(tempDir, { recursive: true, force: true });
  };
  return { context, dir, tempDir, close, [Symbol.asyncDispose]: close };
}

/** Everything that a source gives, from opening to closing. */
export async function readAll(
  location: string,
  context: FormatContext,
): Promise<{ items: SourceItem[]; warnings: string[] }> {
  const source = await openSource(location, context);
  try {
    const items: SourceItem[] = [];
    for await (const item of source.images()) items.push(item);
    return { items, warnings: [...(source.warnings ?? [])] };
  } finally {
    await source.close();
  }
}
