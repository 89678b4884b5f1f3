import { Writable } from 'node:stream';

/** Everything that `write` writes to a stream, which it may or may not end. */
export async function collect(write: (to: Writable) => Promise<void>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  await write(to);
  return Buffer.concat(chunks);
}
