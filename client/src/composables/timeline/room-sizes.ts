import { SizeMap } from './size-map.ts';

const rooms = new Map<string, SizeMap>();
const maxRooms = 60;

/** The measured heights of a room, kept while the page lives: going back to a room jumps nowhere. */
export const sizesOf = (roomId: string): SizeMap => {
  const known = rooms.get(roomId);
  if (known !== undefined) {
    rooms.delete(roomId);
    rooms.set(roomId, known);
    return known;
  }
  const oldest = rooms.keys().next().value;
  if (rooms.size >= maxRooms && oldest !== undefined) rooms.delete(oldest);
  const made = new SizeMap();
  rooms.set(roomId, made);
  return made;
};
