import { describe, expect, test } from 'vitest';
import { StreamFormatter } from '../../src/reporting/stream-formatter.ts';

const half = { current: 524_288, total: 1_048_576, start: 1_399_540_211 };
const now = (): number => (half.start + 2) * 1000;
const box = `[${'='.repeat(25)}>${' '.repeat(25)}]`;

describe('text', () => {
  const plain = new StreamFormatter({ now });
  test('TestFormatStream', () => expect(plain.formatStream('stream')).toBe('stream\r'));
  test('TestFormatStatus drops the id', () => expect(plain.formatStatus('ID', 'a1')).toBe('a1\r\n'));
  test('TestFormatSimpleError', () => {
    expect(plain.formatError(new Error('Error for formatter'))).toBe('Error: Error for formatter\r\n');
  });
  test('TestFormatProgress', () => {
    expect(plain.formatProgress('ID', 'Pulling metadata', null)).toBe('Pulling metadata \r\n');
    expect(plain.formatProgress('ID', 'Downloading', half)).toBe(`Downloading ${box} 524.3 kB/1.049 MB 1s\r`);
    const buffering = { current: 525_312, total: 0, start: 1_399_540_211 };
    expect(plain.formatProgress('ID', 'Buffering to disk', buffering)).toBe('Buffering to disk 525.3 kB\r');
  });
});

describe('JSON', () => {
  const json = new StreamFormatter({ json: true, now });
  test('TestFormatStream', () => {
    expect(json.formatStream('stream')).toBe('{"stream":"stream"}\r\n');
    expect(json.formatStream('Step 0 : FROM busybox\n')).toBe('{"stream":"Step 0 : FROM busybox\\n"}\r\n');
  });
  test('TestFormatStatus', () => {
    expect(json.formatStatus('ID', 'a1')).toBe('{"status":"a1","id":"ID"}\r\n');
    expect(json.formatStatus('', '')).toBe('{}\r\n');
  });
  test('TestFormatSimpleError', () => {
    expect(json.formatError(new Error('boom'))).toBe('{"errorDetail":{"message":"boom"},"error":"boom"}\r\n');
  });
  test('TestFormatJSONError', () => {
    const text = '{"errorDetail":{"code":50,"message":"Json error"},"error":"Json error"}\r\n';
    expect(json.formatError({ code: 50, message: 'Json error' })).toBe(text);
  });
  test('TestFormatProgress has no terminator and escapes the bar', () => {
    const id = 'd35d09b08ee7';
    expect(json.formatProgress(id, 'Pulling metadata', null)).toBe(
      `{"status":"Pulling metadata","progressDetail":{},"id":"${id}"}`,
    );
    expect(json.formatProgress(id, 'Downloading', half)).toBe(
      '{"status":"Downloading","progressDetail":{"current":524288,"total":1048576,"start":1399540211},' +
        `"progress":"${box.replace('>', '\\u003e')} 524.3 kB/1.049 MB 1s","id":"${id}"}`,
    );
    expect(JSON.parse(json.formatProgress('id', 'action', { current: 15, total: 30, start: 1 }))).toMatchObject({
      id: 'id',
      status: 'action',
      progressDetail: { current: 15, total: 30, start: 1 },
    });
  });
});

test('used says whether anything was formatted', () => {
  const formatter = new StreamFormatter();
  expect(formatter.used).toBe(false);
  formatter.formatStatus('', 'x');
  expect(formatter.used).toBe(true);
  expect(formatter.json).toBe(false);
});
