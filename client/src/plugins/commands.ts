import type { CommandResult, SlashCommand } from '@nyx/plugin-sdk/client/contributions.ts';
import { at, type Live } from './registry.ts';

export type PluginCommand = { readonly live: Live; readonly command: SlashCommand };

/** The command of this name that a plugin brought. */
export const commandOf = (name: string): PluginCommand | undefined => {
  for (const live of at('slash-command')) {
    const { contribution } = live;
    if ('description' in contribution && contribution.name === name) return { live, command: contribution };
  }
  return undefined;
};

/** What a command leads to; `failed` when it threw. */
export const runPluginCommand = async (
  { live, command }: PluginCommand,
  input: { readonly args: string; readonly roomId: string },
): Promise<CommandResult | 'failed' | undefined> => {
  try {
    return await command.run(input);
  } catch (error) {
    live.failed(error);
    return 'failed';
  }
};
