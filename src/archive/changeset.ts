import type { ByteSink } from '../compression/codec.ts';
import type { System } from '../system/system.ts';
import type { LayerMount } from './layer-mount.ts';
export function writeLayerChanges(_s: System, _m: LayerMount, _k: ByteSink, _o: object): void { throw new Error('later'); }
export function writeTreeChanges(_s: System, _d: string, _p: LayerMount | null, _k: ByteSink, _o: object): void { throw new Error('later'); }
export function writeDirectory(_s: System, _d: string, _k: ByteSink, _o: object): void { throw new Error('later'); }
