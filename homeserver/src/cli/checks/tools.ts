import type { Machine } from '../../services/machine.ts';
import { findPip } from '../../services/pip.ts';
import { findOnPath } from '../../services/run.ts';
import { CHROMIUM_NAMES } from '../../services/tools.ts';
import type { Check } from '../table.ts';

const onPath = async (
  machine: Machine,
  names: readonly string[],
  what: string,
  use: string,
): Promise<Check> => {
  const path = await findOnPath(names, machine.env);
  return path === undefined
    ? { status: 'warn', what, detail: `not installed; ${use}` }
    : { status: 'ok', what, detail: path };
};

/** What the tests need besides npm's packages. Missing ones stop no server. */
export const checkTools = async (machine: Machine): Promise<Check[]> => [
  await onPath(machine, CHROMIUM_NAMES, 'Chromium', 'the browser tests need it'),
  await onPath(
    machine,
    ['turnserver'],
    'coturn',
    'the tests of calls need it, and calls behind strict firewalls',
  ),
  await findPip(machine).then(
    ({ command, before }): Check => ({
      status: 'ok',
      what: 'Python',
      detail: [command, ...before].join(' '),
    }),
    (error: unknown): Check => ({
      status: 'warn',
      what: 'Python',
      detail: `${error instanceof Error ? error.message : String(error)}; tests with foreign clients and servers need it`,
    }),
  ),
];
