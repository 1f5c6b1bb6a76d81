import { ConfigError } from '@nyx/config/problems.ts';
import type { LoadedConfig } from '@nyx/config/load.ts';
import type { ConfigOption } from './configuration.ts';
import { configurationFor } from './configuration.ts';
import { checkDataFolder, checkListeners, checkNode, checkTls } from './checks/machine.ts';
import { checkDatabase, checkRedis } from './checks/services.ts';
import { checkTools } from './checks/tools.ts';
import type { Check } from './table.ts';
import { renderTable } from './table.ts';
import { thisMachine } from '../services/start-services.ts';

const configurationChecks = (
  options: ConfigOption,
): { checks: Check[]; loaded: LoadedConfig | undefined } => {
  try {
    const loaded = configurationFor(options);
    const source = loaded.file ?? 'defaults and environment';
    const warnings = loaded.warnings.map((detail): Check => ({
      status: 'warn',
      what: 'configuration',
      detail,
    }));
    return { checks: [{ status: 'ok', what: 'configuration', detail: source }, ...warnings], loaded };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { checks: [{ status: 'fail', what: 'configuration', detail: error.message }], loaded: undefined };
  }
};

/**
 * Prints what this machine has of what Nyx needs: Node.js, configuration, folders, listeners, each place that MongoDB
 * and Redis can come from, and the programs of the tests. Fetches a service that would be fetched by a start. The exit
 * code is 1 when something that a start needs is missing.
 */
export const doctor = async (options: ConfigOption): Promise<void> => {
  const machine = thisMachine((line) => process.stderr.write(`nyx: ${line}\n`));
  const { checks, loaded } = configurationChecks(options);
  const all: Check[] = [checkNode(), ...checks];
  if (loaded !== undefined) {
    const { config } = loaded;
    all.push(
      ...(await checkDataFolder(config)),
      ...(await checkListeners(config)),
      ...(await checkTls(config)),
      ...(await checkDatabase(config, machine)),
      ...(await checkRedis(config, machine)),
    );
  }
  all.push(...(await checkTools(machine)));
  process.stdout.write(`${renderTable(all)}\n`);
  process.exitCode = all.some(({ status }) => status === 'fail') ? 1 : 0;
};
