import { createServer } from 'node:net';
import type { Config } from '@nyx/config/schema.ts';

/** One address and port that the server listens on. */
export type Listener = { readonly host: string; readonly port: number; readonly secure: boolean };

/** Everything that the server is to listen on. */
export const configuredListeners = ({ server }: Pick<Config, 'server'>): Listener[] => {
  const { bind, port, tls } = server;
  const securePort = tls.port;
  return [
    ...bind.map((host) => ({ host, port, secure: false })),
    ...(securePort === undefined ? [] : bind.map((host) => ({ host, port: securePort, secure: true }))),
  ];
};

/**
 * What `listen` is called with. `::` takes IPv4 too, unless `0.0.0.0` is listened on as well: then the two would be in
 * each other's way.
 */
export const listenOptions = ({ server }: Pick<Config, 'server'>, { host, port }: Listener) => ({
  host,
  port,
  ipv6Only: host === '::' && server.bind.includes('0.0.0.0'),
});

/** Why a listener cannot be had, as the error that listening would end with; undefined when it can. */
export const listenerProblem = (
  config: Pick<Config, 'server'>,
  listener: Listener,
): Promise<NodeJS.ErrnoException | undefined> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error) => resolve(error));
    probe.listen({ ...listenOptions(config, listener), exclusive: true }, () =>
      probe.close(() => resolve(undefined)),
    );
  });

/**
 * Finds out before anything is started what listening would fail on in the end.
 *
 * @throws the error of the listener that cannot be had, or an AggregateError of several
 */
export const refuseTakenListeners = async (config: Pick<Config, 'server'>): Promise<void> => {
  const problems: Error[] = [];
  for (const listener of configuredListeners(config)) {
    const problem = await listenerProblem(config, listener);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 1) throw new AggregateError(problems, 'The server cannot listen');
  if (problems[0] !== undefined) throw problems[0];
};
