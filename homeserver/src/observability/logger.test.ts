import { expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { prettyLine, prettyLines } from './pretty.ts';

const written = (pretty: boolean) => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, logger: createLogger('info', pretty ? prettyLines(destination) : destination) };
};

it('writes one JSON object per line, without secrets', () => {
  const { lines, logger } = written(false);
  logger.info({ id: 7, access_token: 'syt_1', nested: { password: 'pw' } }, 'request');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'info',
    id: 7,
    access_token: '[redacted]',
    nested: { password: '[redacted]' },
    msg: 'request',
  });
});

it('writes for a terminal: time, level, message, fields, and the stack of an error below', () => {
  const { lines, logger } = written(true);
  logger.info({ method: 'GET', path: '/a b', token: 'syt_1', missing: undefined }, 'request');
  const error = Object.assign(new Error('broken', { cause: new Error('deeper') }), { code: 'E_TEST' });
  logger.error({ err: error, job: 'keys.replenish' }, 'job failed');
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}request method=GET path="\/a b" token=\[redacted\]\n$/,
  );
  expect(lines[1]).toMatch(
    / ERROR job failed job=keys\.replenish: broken \(E_TEST\)\nError: broken\n {4}at /,
  );
  expect(lines[1]).toContain('caused by:\nError: deeper');
});

it('leaves alone what is no line of the log', () => {
  expect(prettyLine('a panic\n')).toBe('a panic\n');
});
