import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const readOr = (read: () => string, fallback: string): string => {
  try {
    return read().trim();
  } catch {
    return fallback;
  }
};

/**
 * Names the space in which process ids are unique: this boot of this machine and, in containers, this pid namespace.
 * Two processes with the same value can see whether the other lives.
 */
export const processSpace = (): string =>
  [
    hostname(),
    readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'), ''),
    readOr(() => readlinkSync('/proc/self/ns/pid'), ''),
  ].join('/');

/** When a process started, in clock ticks since boot (field 22 of proc_pid_stat(5)); empty where that is not known. */
const startTime = (pid: number): string => {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
  // The name, in parentheses, may hold spaces; the third field is the first after it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

/** Names this process within its space, over all time: a later process with the same id started at another time. */
export const processName = (pid: number = process.pid): string => `${pid}:${startTime(pid)}`;

/** Whether the process with this name is alive. One that may not be signalled is. */
export const isProcessAlive = (name: string): boolean => {
  const pid = Number(name.split(':')[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  return processName(pid) === name;
};
