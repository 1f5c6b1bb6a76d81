import { writeFile } from 'node:fs/promises';
import { exampleYaml } from '@nyx/config/document.ts';
import { UsageError } from './failure.ts';

export type GenerateConfigOptions = { readonly serverName?: string; readonly output?: string };

/** Writes a configuration file with every setting explained, to standard output or to a new file. */
export const generateConfig = async ({ serverName, output }: GenerateConfigOptions): Promise<void> => {
  const yaml = exampleYaml(serverName);
  if (output === undefined) {
    process.stdout.write(yaml);
    return;
  }
  try {
    await writeFile(output, yaml, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new UsageError(`${output} is there already; nothing was written.`);
    }
    throw error;
  }
};
