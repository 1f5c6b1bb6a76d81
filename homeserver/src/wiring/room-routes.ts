import type { Config } from '@nyx/config/schema.ts';
import {
  deleteAliasRoute,
  getAliasRoute,
  listAliasesRoute,
  setAliasRoute,
} from '../http/client/directory/aliases.ts';
import {
  getPublicRoomsRoute,
  getVisibilityRoute,
  queryPublicRoomsRoute,
  setVisibilityRoute,
} from '../http/client/directory/public-rooms.ts';
import { roomSummaryRoute, spaceHierarchyRoute } from '../http/client/directory/room-summary.ts';
import { getContextRoute, getEventRoute, timestampToEventRoute } from '../http/client/events/get-event.ts';
import { getRelationsRoute, getThreadsRoute } from '../http/client/events/get-relations.ts';
import { forgetRoomRoute } from '../http/client/rooms/forget-room.ts';
import { mutualRoomsRoute } from '../http/client/rooms/mutual-rooms.ts';
import { upgradeRoomRoute } from '../http/client/rooms/upgrade-room.ts';
import type { RemoteDirectory } from '../ports/remote-directory.ts';
import { getJoinedMembersRoute, getMembersRoute } from '../http/client/events/get-members.ts';
import { getMessagesRoute } from '../http/client/events/get-messages.ts';
import { getStateEventRoute, getStateRoute } from '../http/client/events/get-state.ts';
import { redactEventRoute } from '../http/client/events/redact-event.ts';
import { sendMessageRoute } from '../http/client/events/send-message.ts';
import { setStateRoute } from '../http/client/events/set-state.ts';
import { banUserRoute } from '../http/client/rooms/ban-user.ts';
import { createRoomRoute } from '../http/client/rooms/create-room.ts';
import { inviteUserRoute } from '../http/client/rooms/invite-user.ts';
import { joinRoomByIdRoute, joinRoomRoute } from '../http/client/rooms/join-room.ts';
import { joinedRoomsRoute } from '../http/client/rooms/joined-rooms.ts';
import { kickUserRoute } from '../http/client/rooms/kick-user.ts';
import { knockRoomRoute } from '../http/client/rooms/knock-room.ts';
import { leaveRoomRoute } from '../http/client/rooms/leave-room.ts';
import { unbanUserRoute } from '../http/client/rooms/unban-user.ts';
import type { Route } from '../http/route.ts';
import type { RoomServices } from './room-services.ts';

/** The client's endpoints on rooms and events. */
export const roomRoutes = (services: RoomServices, defaultVersion: string): readonly Route[] => {
  const { create, join, find, knock, invite, leave, moderate, userRooms } = services;
  const { send, redact, setState, getState, messages } = services;
  return [
    createRoomRoute(create, defaultVersion),
    joinRoomByIdRoute(join),
    joinRoomRoute(join, find),
    knockRoomRoute(knock, find),
    inviteUserRoute(invite),
    leaveRoomRoute(leave),
    kickUserRoute(moderate),
    banUserRoute(moderate),
    unbanUserRoute(moderate),
    joinedRoomsRoute(userRooms),
    sendMessageRoute(send),
    redactEventRoute(redact),
    setStateRoute(setState),
    getStateRoute(getState),
    getStateEventRoute(getState),
    getMembersRoute(getState),
    getJoinedMembersRoute(getState),
    getMessagesRoute(messages),
    forgetRoomRoute(services.forget),
    upgradeRoomRoute(services.upgrade),
    mutualRoomsRoute(userRooms),
    getEventRoute(services.getEvent),
    getContextRoute(services.getEvent),
    timestampToEventRoute(services.getEvent),
    getRelationsRoute(services.relations),
    getThreadsRoute(services.threads),
  ];
};

/** Aliases, the public list, and what may be known of rooms from outside. */
export const directoryRoutes = (
  { find, aliases, list, describe, hierarchy }: RoomServices,
  remote: RemoteDirectory,
  { rooms, server }: Config,
): readonly Route[] => [
  getAliasRoute(find),
  setAliasRoute(aliases),
  deleteAliasRoute(aliases),
  listAliasesRoute(aliases),
  getPublicRoomsRoute(list, remote, rooms.directory, server.name),
  queryPublicRoomsRoute(list, remote, rooms.directory, server.name),
  getVisibilityRoute(list),
  setVisibilityRoute(list),
  roomSummaryRoute(describe, find),
  spaceHierarchyRoute(hierarchy),
];
