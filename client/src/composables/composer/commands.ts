/** Slash commands: their names, and how they are written. Words for people are in i18n (`composer.commandHelp`). */
export const commands = [
  { name: 'me', usage: '/me …' },
  { name: 'shrug', usage: '/shrug …' },
  { name: 'plain', usage: '/plain …' },
  { name: 'spoiler', usage: '/spoiler …' },
  { name: 'invite', usage: '/invite @user:server' },
  { name: 'kick', usage: '/kick @user:server …' },
  { name: 'ban', usage: '/ban @user:server …' },
  { name: 'unban', usage: '/unban @user:server' },
  { name: 'topic', usage: '/topic …' },
  { name: 'nick', usage: '/nick …' },
  { name: 'leave', usage: '/leave' },
  { name: 'join', usage: '/join #room:server' },
] as const;

export type CommandName = (typeof commands)[number]['name'];

export type Parsed =
  | { kind: 'text'; text: string }
  | { kind: 'command'; name: CommandName; rest: string; usage: string }
  | { kind: 'unknown'; name: string };

/** What was typed: text, a command, or something that looks like a command but is none. `//x` is the text `/x`. */
export const parseCommand = (typed: string): Parsed => {
  if (typed.startsWith('//')) return { kind: 'text', text: typed.slice(1) };
  const match = /^\/([a-z]+)(?:\s+([\s\S]*))?$/iu.exec(typed);
  if (match?.[1] === undefined) return { kind: 'text', text: typed };
  const name = match[1].toLowerCase();
  const known = commands.find((command) => command.name === name);
  return known === undefined
    ? { kind: 'unknown', name }
    : { kind: 'command', name: known.name, rest: (match[2] ?? '').trim(), usage: known.usage };
};
