import { createRequire } from 'node:module';
import type * as Minizlib from 'minizlib';
import { type Inflate, invalidGzip } from './inflate.ts';

const require = createRequire(import.meta.url);

/** By a package that does what is needed on any release of Node; all that a slice unpacks to is held at once. */
export const minizlibInflate: Inflate = (sink, outputBytes) => {
  const { Gunzip } = require('minizlib') as typeof Minizlib;
  const gunzip = new Gunzip({ chunkSize: outputBytes } as Minizlib.ZlibOptions);
  let failure: unknown;
  gunzip.on('data', sink);
  gunzip.on('error', (error) => {
    failure = error;
  });
  return {
    write(slice) {
      gunzip.write(slice);
      if (failure !== undefined) throw invalidGzip(failure);
      return slice.length - (gunzip.handle?.bytesWritten ?? 0);
    },
    end() {
      gunzip.end();
      gunzip.close();
      if (failure !== undefined) throw invalidGzip(failure);
    },
  };
};
