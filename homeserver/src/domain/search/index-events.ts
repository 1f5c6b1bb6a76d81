import { ownString } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { SearchEntry, SearchIndex } from '../../ports/search-index.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { wordsOf } from './words.ts';

/** What can be searched, and in events of which type it is (spec: Client-Server API, Server Side Search). */
export const SEARCHED: Readonly<Record<string, string>> = {
  'content.body': EventType.Message,
  'content.name': EventType.Name,
  'content.topic': EventType.Topic,
};

/** Different words of one event that are kept. */
const MAX_WORDS = 100;
/** Words of one event that are looked at. */
const MAX_LOOKED_AT = 1_000;

const FIELDS = new Map(
  Object.entries(SEARCHED).map(([key, type]) => [type, key.slice('content.'.length)] as const),
);

/** The text of an event that can be searched. */
export const searchedText = ({ pdu }: StoredEvent): string | undefined => {
  const field = FIELDS.get(pdu.type);
  return field === undefined ? undefined : ownString(pdu.content, field);
};

const entryOf = (event: StoredEvent): SearchEntry | undefined => {
  if (event.stream === undefined || event.redactedBy !== undefined) return undefined;
  const text = searchedText(event);
  if (text === undefined) return undefined;
  const words = [...new Set(wordsOf(text, MAX_LOOKED_AT))].slice(0, MAX_WORDS);
  if (words.length === 0) return undefined;
  const { id, room, pdu, stream } = event;
  return { event: id, room, sender: pdu.sender, type: pdu.type, stream, words };
};

/** Brings the index up to date with events of the stream. Encrypted messages have no text that could be seen here. */
export const indexEvents = async (index: SearchIndex, events: readonly StoredEvent[]): Promise<void> => {
  await index.add(events.map(entryOf).filter((entry) => entry !== undefined));
  await index.remove(events.map(({ pdu }) => pdu.redacts).filter((id) => isEventId(id)));
};
