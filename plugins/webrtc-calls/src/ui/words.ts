import type { Call } from '../call/state.ts';
import type { Note } from '../service/call-service.ts';

/** `1:05`, `1:00:05`. */
export const duration = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
};

/** Key of the line under somebody's name, or undefined while the time is shown. */
export const phaseKey = ({ phase }: Pick<Call, 'phase'>): string | undefined =>
  phase === 'connected' ? undefined : `phase.${phase}`;

/** Keys of a note's title and of what can be done about it. */
export const noteKeys = (note: Note): { readonly title: string; readonly help: string | undefined } => {
  if (note.kind === 'full') return { title: 'end.full', help: 'help.full' };
  if (note.kind === 'refused') return { title: 'end.identity', help: 'help.identity' };
  const { reason, trouble, call } = note;
  const title = `end.${reason}`;
  if (reason === 'identity') return { title, help: 'help.identity' };
  if (reason === 'media-failed') return { title, help: `problem.${call.problem ?? 'denied'}` };
  const failed = ['connection-failed', 'relay-refused', 'connection-lost'].includes(reason);
  if (failed && trouble !== undefined) return { title, help: `relay.${trouble}` };
  return { title, help: failed ? 'help.connection' : undefined };
};

/** Whether a note tells of a danger, a failure, or the course of things. */
export const noteTone = (note: Note): 'bad' | 'info' => {
  if (note.kind === 'refused') return 'bad';
  if (note.kind === 'full') return 'info';
  const bad = ['identity', 'connection-failed', 'connection-lost', 'relay-refused', 'media-failed', 'failed'];
  return bad.includes(note.reason) ? 'bad' : 'info';
};
