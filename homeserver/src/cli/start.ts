import { bootServer } from './boot.ts';
import type { ConfigOption } from './configuration.ts';
import { configurationFor, nextSignal, tell } from './configuration.ts';

/** Runs the server until it is told to stop, then drains it and stops what it started. */
export const start = async (options: ConfigOption): Promise<void> => {
  const { config, warnings } = configurationFor(options);
  for (const warning of warnings) tell(warning);
  const stopped = nextSignal();
  const booted = await Promise.race([bootServer(config, { tell, logTo: 'stdout' }), stopped]);
  // Told to stop before it was up: the services end with this process.
  if (typeof booted === 'string') return;
  for (const url of booted.urls) tell(`listening on ${url}`);
  for (const notice of booted.notices) tell(notice);
  tell(`stopping (${await stopped})`);
  void nextSignal().then(() => process.exit(1));
  await booted[Symbol.asyncDispose]();
};
