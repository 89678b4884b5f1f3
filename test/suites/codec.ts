import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { type CompressionProfile, PART_BYTES } from '../../src/compression/codec.ts';
import { partEncoder } from '../../src/compression/codecs.ts';
import { crc32Combine } from '../../src/compression/crc32.ts';
import { detectCompression } from '../../src/compression/detect.ts';
import { codeOf, pack, sampleBytes, unpack } from '../support/pack.ts';

/**
 * What every compression promises, whatever its format. `oracle` is a program, with its arguments, that unpacks such a
 * stream from stdin to stdout.
 */
export function encoderSuite(name: string, profile: CompressionProfile, oracle: string[] = []): void {
  const { compression } = profile;
  const small = sampleBytes(700);

  describe(name, () => {
    test.each([0, 1, 511, 1024 ** 2 - 1, 1024 ** 2, 1024 ** 2 + 1, 4 * 1024 ** 2, 5 * 1024 ** 2 + 7])(
      '%i bytes come back',
      (size) => {
        const input = sampleBytes(size);
        const packed = pack(profile, input);
        expect(unpack(compression, packed).equals(input)).toBe(true);
        if (size > 0) expect(detectCompression(packed.subarray(0, 10))).toBe(compression);
      },
    );

    test('more than a part comes back, and its bytes do not depend on how it was written', () => {
      const input = sampleBytes(PART_BYTES + 3 * 1024 ** 2 + 5);
      const packed = pack(profile, input);
      expect(unpack(compression, packed, [64 * 1024]).equals(input)).toBe(true);
      for (const pieces of [[256 * 1024], [1, 100_000, 3], [PART_BYTES + 1], [1024 ** 2]]) {
        expect(pack(profile, input, pieces).equals(packed)).toBe(true);
      }
    });

    test.each([0, 1000, PART_BYTES, 2 * PART_BYTES, 2 * PART_BYTES + 1])(
      'parts of %i bytes, made in any order by encoders of their own, join to the bytes of one thread',
      (size) => {
        const input = sampleBytes(size);
        expect(joinParts(profile, input).equals(pack(profile, input, [300_000]))).toBe(true);
      },
    );

    test('an encoder that was used before makes the same bytes', () => {
      const input = sampleBytes(PART_BYTES, 7);
      const encoder = partEncoder(profile);
      const once = (): Buffer => {
        const out: Buffer[] = [];
        const part = encoder.part((chunk) => out.push(Buffer.from(chunk)), false);
        part.write(input);
        part.end();
        return Buffer.concat(out);
      };
      expect(once().equals(once())).toBe(true);
    });

    test('the packed stream may come split at any byte, and byte by byte', () => {
      const packed = pack(profile, small);
      for (let at = 1; at < packed.length; at++) {
        expect(unpack(compression, packed, [at, packed.length]).equals(small)).toBe(true);
      }
      expect(unpack(compression, packed, [1]).equals(small)).toBe(true);
    });

    test('an empty input is a stream that unpacks to nothing', () => {
      expect(unpack(compression, pack(profile, Buffer.alloc(0))).length).toBe(0);
    });

    test('output over the limit is refused', () => {
      const packed = pack(profile, small);
      expect(codeOf(() => unpack(compression, packed, [packed.length], { outputBytes: 700, ratio: 1 }))).toBe('none');
      expect(codeOf(() => unpack(compression, packed, [packed.length], { outputBytes: 699, ratio: 1 }))).toBe(
        'LIMIT_EXCEEDED',
      );
    });

    test('an error of the sink comes through', () => {
      const boom = (): never => {
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      };
      const encoder = partEncoder(profile).part(boom, true);
      expect(
        codeOf(() => {
          encoder.write(sampleBytes(PART_BYTES));
          encoder.end();
        }),
      ).toBe('ENOSPC');
    });

    test('the format’s own program agrees', (context) => {
      const [program, ...args] = oracle;
      if (program === undefined) return context.skip('the format has no program');
      for (const size of [0, 1000, 3 * 1024 ** 2 + 1]) {
        const run = spawnSync(program, args, { input: pack(profile, sampleBytes(size)), maxBuffer: 2 ** 26 });
        if (run.error !== undefined) return context.skip(`${program} is not installed`);
        expect(run.stderr.toString()).toBe('');
        expect(run.status).toBe(0);
        expect(run.stdout.equals(sampleBytes(size))).toBe(true);
      }
    });
  });
}

/** What formats with frames or members, checksums and an end of their own promise besides. */
export function streamSuite(name: string, profile: CompressionProfile): void {
  const { compression } = profile;
  const small = sampleBytes(700);

  describe(`${name}, stream by stream`, () => {
    test('streams one after the other are one, split at any byte', () => {
      const first = sampleBytes(90, 2);
      const second = sampleBytes(120, 3);
      const packed = Buffer.concat([pack(profile, first), pack(profile, Buffer.alloc(0)), pack(profile, second)]);
      const whole = Buffer.concat([first, second]);
      for (let at = 1; at < packed.length; at++) {
        expect(unpack(compression, packed, [at, packed.length]).equals(whole)).toBe(true);
      }
      expect(unpack(compression, packed, [1]).equals(whole)).toBe(true);
    });

    test('cut off anywhere, it is refused', () => {
      const packed = pack(profile, small);
      for (let length = 1; length < packed.length; length++) {
        expect([length, codeOf(() => unpack(compression, packed.subarray(0, length)))]).toEqual([
          length,
          'COMPRESSION_INVALID',
        ]);
      }
    });

    test('cut off anywhere in a later stream, it is refused', () => {
      const first = pack(profile, small);
      const packed = Buffer.concat([first, pack(profile, small)]);
      for (let length = first.length + 1; length < packed.length; length++) {
        expect(codeOf(() => unpack(compression, packed.subarray(0, length), [100]))).toBe('COMPRESSION_INVALID');
      }
    });

    test('no flipped bit gives other bytes', () => {
      const packed = pack(profile, small);
      for (let bit = 0; bit < packed.length * 8; bit++) {
        const flipped = Buffer.from(packed);
        flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        try {
          expect(unpack(compression, flipped).equals(small)).toBe(true);
        } catch (error) {
          expect(['COMPRESSION_INVALID', 'LIMIT_EXCEEDED']).toContain((error as { code: string }).code);
        }
      }
    });

    test('garbage behind it is refused, however it comes', () => {
      const packed = Buffer.concat([pack(profile, small), Buffer.from('garbage')]);
      for (const pieces of [[packed.length], [packed.length - 7, 7], [1]]) {
        expect(codeOf(() => unpack(compression, packed, pieces))).toBe('COMPRESSION_INVALID');
      }
    });

    test('a bomb is refused by its ratio, and before it by its bytes', () => {
      const bomb = Buffer.concat(Array<Buffer>(80).fill(pack(profile, Buffer.alloc(1024 ** 2))));
      const ratio = { outputBytes: 2 ** 40, ratio: 100 };
      expect(codeOf(() => unpack(compression, bomb, [bomb.length], ratio))).toBe('LIMIT_EXCEEDED');
      expect(codeOf(() => unpack(compression, bomb, [1000], ratio))).toBe('LIMIT_EXCEEDED');
      expect(codeOf(() => unpack(compression, bomb, [bomb.length], { outputBytes: 2 ** 26, ratio: 1e9 }))).toBe(
        'LIMIT_EXCEEDED',
      );
      expect(unpack(compression, bomb).length).toBe(80 * 1024 ** 2);
    });
  });
}

function joinParts(profile: CompressionProfile, input: Buffer): Buffer {
  const count = Math.max(1, Math.ceil(input.length / PART_BYTES));
  const made = Array.from({ length: count }, (_, index) => index)
    .reverse()
    .map((index) => {
      const slice = input.subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
      const out: Buffer[] = [];
      const part = partEncoder(profile).part((chunk) => out.push(Buffer.from(chunk)), index === count - 1);
      for (let at = 0; at < slice.length; at += 100_001) part.write(slice.subarray(at, at + 100_001));
      return { crc: part.end(), size: slice.length, packed: Buffer.concat(out) };
    })
    .reverse();
  const crc = made.reduce((sum, part) => crc32Combine(sum, part.crc, part.size), 0);
  const encoder = partEncoder(profile);
  return Buffer.concat([encoder.head, ...made.map((part) => part.packed), encoder.tail(crc, input.length)]);
}
