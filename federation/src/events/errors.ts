/** The field that makes an event malformed, or `size`. */
export type EventField =
  | 'json'
  | 'size'
  | 'type'
  | 'sender'
  | 'room_id'
  | 'event_id'
  | 'state_key'
  | 'content'
  | 'prev_events'
  | 'auth_events'
  | 'depth'
  | 'origin_server_ts'
  | 'hashes'
  | 'signatures'
  | 'redacts'
  | 'unsigned';

/** An event that does not have its room version's format. On receipt it is dropped. Names the field, never its value. */
export class EventFormatError extends Error {
  override readonly name = 'EventFormatError';
  readonly code = 'event_format';
  readonly field: EventField;

  constructor(field: EventField, detail = 'missing or malformed') {
    super(`event ${field}: ${detail}`);
    this.field = field;
  }
}
