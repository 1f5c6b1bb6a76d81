import type { DestinationStream } from 'pino';

const LEVEL_WIDTH = 5;

const shown = (value: unknown): string =>
  typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

const stackOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return '';
  const stack = 'stack' in error && typeof error.stack === 'string' ? `\n${error.stack}` : '';
  return 'cause' in error ? `${stack}\n  caused by:${stackOf(error.cause)}` : stack;
};

const errorText = (error: unknown): string => {
  if (typeof error !== 'object' || error === null || !('message' in error)) return '';
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `: ${String(error.message)}${code}${stackOf(error)}`;
};

const fieldsOf = (line: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const fields: unknown = JSON.parse(line);
    return typeof fields === 'object' && fields !== null ? { ...fields } : undefined;
  } catch {
    return undefined;
  }
};

/** One line of the log, a JSON object, as text: time, level, message, fields; an error with its stack below. */
export const prettyLine = (line: string): string => {
  const fields = fieldsOf(line);
  if (fields === undefined) return line;
  const { time, level, msg, err, ...rest } = fields;
  const pairs = Object.entries(rest)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ` ${name}=${shown(value)}`)
    .join('');
  const clock = /T(\d\d:\d\d:\d\d\.\d{3})/.exec(String(time))?.[1] ?? String(time);
  return `${clock} ${String(level).toUpperCase().padEnd(LEVEL_WIDTH)} ${String(msg)}${pairs}${errorText(err)}\n`;
};

/** A destination that writes what reaches it for reading on a terminal. */
export const prettyLines = (destination: DestinationStream): DestinationStream => ({
  write: (line) => destination.write(prettyLine(line)),
});
