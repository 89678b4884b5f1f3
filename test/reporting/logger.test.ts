import { describe, expect, it } from 'vitest';
import { type LoggerOptions, createLogger } from '../../src/reporting/logger.ts';

function lines(options: Omit<LoggerOptions, 'write'>): string[] {
  const written: string[] = [];
  const logger = createLogger({ ...options, write: (line) => written.push(line) });
  logger.error('broken');
  logger.warn('odd \u001b[31m', { entry: 'a\nb' });
  logger.info('done', { bytes: 3 });
  logger.debug('why');
  return written;
}

describe('text', () => {
  it('is one printable line each, as much as was asked for', () => {
    expect(lines({ level: 'debug', format: 'text' })).toEqual([
      'layermill: error: broken',
      'layermill: warning: odd \\u{1b}[31m entry="a\\nb"',
      'layermill: done bytes=3',
      'layermill: debug: why',
    ]);
    expect(lines({ level: 'error', format: 'text' })).toHaveLength(1);
    expect(lines({ level: 'warn', format: 'text' })).toHaveLength(2);
  });
});

describe('json', () => {
  it('is one object a line, with time and level by name', () => {
    const events = lines({ level: 'info', format: 'json' }).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map((event) => [event['level'], event['msg']])).toEqual([
      ['error', 'broken'],
      ['warn', 'odd \u001b[31m'],
      ['info', 'done'],
    ]);
    expect(events[2]).toMatchObject({ bytes: 3, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string });
  });
});
