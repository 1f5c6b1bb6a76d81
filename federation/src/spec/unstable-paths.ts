/**
 * Paths of proposals that clients in the field still call although a stable one exists. The spec's data does not
 * list them: each is from the proposal named behind it.
 */
export const UNSTABLE_PATHS: Readonly<Record<string, readonly string[]>> = {
  // MSC2946
  'client/getSpaceHierarchy': ['/_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy'],
  'federation/getSpaceHierarchy': ['/_matrix/federation/unstable/org.matrix.msc2946/hierarchy/{roomId}'],
  // MSC3030
  'client/getEventByTimestamp': [
    '/_matrix/client/unstable/org.matrix.msc3030/rooms/{roomId}/timestamp_to_event',
  ],
  'federation/getEventByTimestamp': [
    '/_matrix/federation/unstable/org.matrix.msc3030/timestamp_to_event/{roomId}',
  ],
  // MSC3266
  'client/getRoomSummary': [
    '/_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary',
    '/_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}',
  ],
  // MSC3916
  'client/getContentAuthed': [
    '/_matrix/client/unstable/org.matrix.msc3916/media/download/{serverName}/{mediaId}',
  ],
  'client/getContentThumbnailAuthed': [
    '/_matrix/client/unstable/org.matrix.msc3916/media/thumbnail/{serverName}/{mediaId}',
  ],
  'client/getConfigAuthed': ['/_matrix/client/unstable/org.matrix.msc3916/media/config'],
  'client/getUrlPreviewAuthed': ['/_matrix/client/unstable/org.matrix.msc3916/media/preview_url'],
  // MSC2965
  'client/getAuthMetadata': ['/_matrix/client/unstable/org.matrix.msc2965/auth_metadata'],
  // MSC2666
  'client/getMutualRooms': ['/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms'],
  // MSC1802, MSC3202: cross-signing before v1.1
  'client/uploadCrossSigningKeys': ['/_matrix/client/unstable/keys/device_signing/upload'],
  'client/uploadCrossSigningSignatures': ['/_matrix/client/unstable/keys/signatures/upload'],
};
