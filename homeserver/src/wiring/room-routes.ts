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
  ];
};
