import { Command } from 'commander';
import { describeFailure } from './failure.ts';

const CONFIG = ['-c, --config <file>', 'YAML file (also NYX_CONFIG); the environment overrides it'] as const;

/** The commands. Each loads its own code when it runs, so that none pays for the others. */
const program = (): Command => {
  const nyx = new Command('nyx').description('Nyx, a Matrix homeserver').showHelpAfterError();
  nyx
    .command('start', { isDefault: true })
    .description('run the server')
    .option(...CONFIG)
    .action(async (options: { config?: string }) => (await import('./start.ts')).start(options));
  nyx
    .command('create-user <name>')
    .description('create an account; the password is asked for, or read from standard input')
    .option(...CONFIG)
    .option('--admin', 'make the user an administrator of the server')
    .option('--password-file <file>', 'read the password from a file')
    .option('--url <url>', 'address of the server; from the configuration when not given')
    .action(async (name: string, options: object) =>
      (await import('./create-user.ts')).createUser(name, options),
    );
  nyx
    .command('generate-config')
    .description('print a configuration file with every setting explained')
    .option('--server-name <name>', 'fill in the name of the server')
    .option('-o, --output <file>', 'write to a new file')
    .action(async (options: object) => (await import('./generate-config.ts')).generateConfig(options));
  nyx
    .command('doctor')
    .description('check this machine, the configuration and the services')
    .option(...CONFIG)
    .action(async (options: { config?: string }) => (await import('./doctor.ts')).doctor(options));
  nyx
    .command('migrate')
    .description("bring the database up to this version's schema (start does it too)")
    .option(...CONFIG)
    .option('--dry-run', 'only list what would be done')
    .action(async (options: object) => (await import('./migrate.ts')).migrateCommand(options));
  nyx
    .command('demo')
    .description('run two federated servers and the web client, for a look')
    .option('--seed', 'make two users on each server')
    .option('--data <folder>', 'keep everything here, instead of in a temporary folder')
    .option('--json', 'print addresses and users as one line of JSON')
    .action(async (options: object) => (await import('./demo.ts')).demo(options));
  nyx
    .command('build-client')
    .description('build the web client of this checkout (start does it too)')
    .action(async () => (await import('./build-client.ts')).buildClient());
  const keys = nyx.command('keys').description('the signing keys of the server');
  keys
    .command('show', { isDefault: true })
    .description('print the public keys')
    .option(...CONFIG)
    .action(async (options: { config?: string }) => (await import('./keys.ts')).showKeys(options));
  keys
    .command('rotate')
    .description('replace the signing key')
    .option(...CONFIG)
    .action(async (options: { config?: string }) => (await import('./keys.ts')).rotateKeys(options));
  return nyx;
};

/** Runs one command and ends the process with its exit code. */
export const main = async (args: readonly string[]): Promise<void> => {
  try {
    await program().parseAsync(args, { from: 'user' });
    process.exitCode = process.exitCode ?? 0;
  } catch (error) {
    const { text, exitCode } = describeFailure(error);
    process.stderr.write(`nyx: ${text}\n`);
    process.exitCode = exitCode;
  }
  // Nothing may hold a finished command open; what it printed is out, because writes to files and terminals wait.
  process.exit();
};
