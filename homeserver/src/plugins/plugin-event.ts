import type { PluginEvent } from '@nyx/plugin-sdk/server/hooks.ts';
import type { StoredEvent } from '../domain/events/stored-event.ts';

/** An event in the form that plugins get. */
export const pluginEvent = ({ id, room, pdu }: StoredEvent): PluginEvent => ({
  eventId: id,
  roomId: room,
  sender: pdu.sender,
  type: pdu.type,
  content: pdu.content,
  timestamp: pdu.originServerTs,
  ...(pdu.stateKey === undefined ? {} : { stateKey: pdu.stateKey }),
});
