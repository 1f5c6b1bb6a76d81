import { startDemo } from '../demo/start-demo.ts';
import type { Demo } from '../demo/start-demo.ts';
import { nextSignal, tell } from './configuration.ts';

export type DemoCommandOptions = {
  readonly seed?: boolean;
  readonly data?: string;
  readonly json?: boolean;
};

const asJson = ({ servers, users }: Demo): string =>
  JSON.stringify({ servers: servers.map(({ name, url }, index) => ({ name, url, users: users[index] })) });

const asText = ({ servers, users, folder }: Demo): string =>
  [
    '',
    ...servers.flatMap(({ name, url }, index) => [
      `  ${url}   server ${name}`,
      ...(users[index] ?? []).map(({ userId, password }) => `      ${userId}   password: ${password}`),
    ]),
    '',
    '  Open each in a browser profile of its own (a private window will do), register, and invite one from the other.',
    `  Everything is in ${folder}. Ctrl-C stops it.`,
    '',
  ].join('\n');

/** Runs two federated servers with the web client until it is told to stop. */
export const demo = async (options: DemoCommandOptions): Promise<void> => {
  const begun = performance.now();
  const stopped = nextSignal();
  const started = await Promise.race([
    startDemo({
      report: tell,
      usualPorts: true,
      seed: options.seed ?? false,
      ...(options.data === undefined ? {} : { dataDir: options.data }),
    }),
    stopped,
  ]);
  if (typeof started === 'string') return;
  process.stdout.write(`${options.json === true ? asJson(started) : asText(started)}\n`);
  tell(`ready after ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  tell(`stopping (${await stopped})`);
  await started[Symbol.asyncDispose]();
};
