import { generateRandomId } from '../identity/image-id.ts';
import type { V1Image } from '../image/v1-compat.ts';
import { emptyV1Config, type V1Config } from '../image/v1-config.ts';

/** The version that images made here say they were made with: what their JSON has the shape of. */
const DOCKER_VERSION = '0.11.1';

export interface CreateOptions {
  /** Id of the parent image. */
  parent?: string | undefined;
  /** The container that the changes were made in, and what it ran with. */
  containerId?: string | undefined;
  containerConfig?: V1Config | undefined;
  comment?: string | undefined;
  author?: string | undefined;
  /** What containers of the new image run with. */
  config?: V1Config | undefined;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm' };

/** The image that Create registers: a new id, made now, on this machine's platform. */
export function newImage(options: CreateOptions): Partial<V1Image> & { id: string } {
  return {
    id: generateRandomId(),
    parent: options.parent ?? '',
    comment: options.comment ?? '',
    created: goTime(new Date()),
    container: options.containerId ?? '',
    containerConfig: options.containerConfig ?? emptyV1Config(),
    dockerVersion: DOCKER_VERSION,
    author: options.author ?? '',
    config: options.config ?? null,
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: process.platform,
  };
}

/** RFC 3339 as Go prints it: no trailing zeros in the fraction. */
function goTime(time: Date): string {
  return time.toISOString().replace(/\.?0+Z$/, 'Z');
}
