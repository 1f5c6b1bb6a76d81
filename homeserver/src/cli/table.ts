export type Status = 'ok' | 'none' | 'warn' | 'fail';

/** One line of the doctor's table. */
export type Check = { readonly status: Status; readonly what: string; readonly detail: string };

const MARKS: Readonly<Record<Status, string>> = { ok: 'ok  ', none: '-   ', warn: 'WARN', fail: 'FAIL' };

/** The checks as aligned text; what does not fit beside its name goes below it, indented. */
export const renderTable = (checks: readonly Check[]): string => {
  const width = Math.max(...checks.map(({ what }) => what.length));
  return checks
    .map(({ status, what, detail }) => {
      const [first = '', ...rest] = detail.split('\n');
      const indent = ' '.repeat(width + 8);
      const head = `${MARKS[status]}  ${what.padEnd(width)}  ${first}`.trimEnd();
      return [head, ...rest.map((line) => `${indent}${line.trim()}`)].join('\n');
    })
    .join('\n');
};
