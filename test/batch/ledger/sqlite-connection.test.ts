import { describe, expect, it } from 'vitest';
import { loadSqlite } from '../../../src/batch/ledger/sqlite-connection.ts';
import { sqliteFailure } from '../../../src/batch/ledger/sqlite-failure.ts';
import { engineError } from '../../../src/errors/kinds.ts';

describe('SQLite', () => {
  it.each([
    ['missing', 'npm install better-sqlite3', Object.assign(new Error('no package'), { code: 'ERR_MODULE_NOT_FOUND' })],
    ['failed', 'npm rebuild better-sqlite3', new Error('Could not locate the bindings file')],
  ])('that is %s is told with what to do', async (why, advice, thrown) => {
    await expect(loadSqlite(() => Promise.reject(thrown))).rejects.toMatchObject({
      code: 'LIBRARY_UNAVAILABLE',
      message: expect.stringContaining(advice),
      details: { package: 'better-sqlite3', why },
      cause: thrown,
    });
  });

  it('whose native part does not load is told when it is loaded', async () => {
    class Broken {
      constructor() {
        throw Object.assign(new Error('wrong ELF class'), { code: 'ERR_DLOPEN_FAILED' });
      }
    }
    const load = loadSqlite(() => Promise.resolve({ default: Broken as never }));
    await expect(load).rejects.toMatchObject({ code: 'LIBRARY_UNAVAILABLE', details: { why: 'failed' } });
  });
});

describe('what SQLite throws', () => {
  const coded = (code: string): unknown =>
    sqliteFailure(Object.assign(new Error('it says so'), { code }), '/nowhere/x.ledger');

  it.each([
    ['SQLITE_FULL', 'NO_SPACE'],
    ['SQLITE_IOERR_SHMSIZE', 'NO_SPACE'],
    ['SQLITE_NOTADB', 'LEDGER_INVALID'],
    ['SQLITE_CORRUPT', 'LEDGER_INVALID'],
    ['SQLITE_CORRUPT_INDEX', 'LEDGER_INVALID'],
    ['SQLITE_IOERR_FSYNC', 'SYSTEM_CALL_FAILED'],
    ['SQLITE_BUSY_SNAPSHOT', 'SYSTEM_CALL_FAILED'],
    ['SQLITE_CANTOPEN', 'FILE_NOT_FOUND'],
    ['SQLITE_ERROR', 'INTERNAL'],
    ['SQLITE_CONSTRAINT_UNIQUE', 'INTERNAL'],
  ])('%s is %s, and names the ledger', (code, expected) => {
    expect(coded(code)).toMatchObject({ code: expected, message: expect.stringContaining('"/nowhere/x.ledger"') });
  });

  it('on a file that cannot be written is a read-only file system', () => {
    const thrown = Object.assign(new Error('attempt to write'), { code: 'SQLITE_READONLY' });
    expect(sqliteFailure(thrown, '/dev/null')).toMatchObject({ code: 'READ_ONLY_FILE_SYSTEM' });
  });

  it('is left alone when it is something else', () => {
    const others = [engineError('LEASE_LOST', 'lost', { key: 'a' }), new TypeError('a bug'), null, 'text'];
    for (const other of others) expect(sqliteFailure(other, '/x')).toBe(other);
  });
});
