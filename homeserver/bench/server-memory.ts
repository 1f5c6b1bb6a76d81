import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Inodes of the sockets that listen on a TCP port of this machine. */
function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of `${read('/proc/net/tcp')}\n${read('/proc/net/tcp6')}`.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const isListening = fields[3] === '0A' && fields[1]?.endsWith(`:${hexPort}`) === true;
    if (isListening && fields[9] !== undefined) inodes.add(fields[9]);
  }
  return inodes;
}

function holdsAny(pid: string, inodes: ReadonlySet<string>): boolean {
  let handles: string[];
  try {
    handles = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return handles.some((handle) => {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${handle}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    } catch {
      return false;
    }
  });
}

/** The process that listens on a port of this machine, if it can be found (Linux). */
export function processListeningOn(port: number): number | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  let processes: string[];
  try {
    processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  const found = processes.find((pid) => holdsAny(pid, inodes));
  return found === undefined ? undefined : Number(found);
}

/** Resident memory of a process, in MB. */
export function residentMegabytes(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
}
