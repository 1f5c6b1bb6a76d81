import { defineTrustedPlugin, type TrustedPlugin } from '@nyx/plugin-sdk/client/plugin.ts';
import type { RoomInfo, ShownEvent } from '@nyx/plugin-sdk/client/data.ts';
import { h, type FunctionalComponent } from 'vue';
import { USUAL_TIMES } from './call/state.ts';
import { USUAL_CONFERENCE_TIMES } from './mesh/conference.ts';
import { noticeKey } from './notice-text.ts';
import { CallService, type CallServiceOptions } from './service/call-service.ts';
import { texts } from './texts.ts';
import CallNotice from './ui/call-notice.vue';
import CallOverlay from './ui/call-overlay.vue';

/** Rooms with somebody to call and encryption to call through. */
const canHandle = ({ encrypted, membership, joined }: RoomInfo): boolean =>
  encrypted && membership === 'join' && joined > 1;

/** What a call plugin stands on, where it is not what people have. */
export type CallPluginOptions = Partial<Omit<CallServiceOptions, 'context'>>;

/** The call plugin, for tests with durations and media of their own. */
export const callPlugin = (options: CallPluginOptions = {}): TrustedPlugin =>
  defineTrustedPlugin({
    setup: (context) => {
      context.texts(texts);
      const service = new CallService({
        ...{ context, source: navigator.mediaDevices, times: USUAL_TIMES },
        ...{ conferenceTimes: USUAL_CONFERENCE_TIMES, ...options },
      });
      const nameOf = (userId: string): string => /^@([^:]+):/u.exec(userId)?.[1] ?? userId;
      const scene = { context, service, nameOf };
      context.contribute('overlay', 'calls', { component: () => h(CallOverlay, { scene }) });
      context.contribute('call-provider', 'calls', {
        canHandle,
        start: (roomId, { video }) => service.start(roomId, video),
        answer: async (callId, { video }) => service.answer(callId, video),
        hangup: async (callId) => service.hangUp(callId),
        status: () =>
          service.calls().map(({ callId, roomId, phase }) => ({
            callId,
            roomId,
            state: phase === 'ringing' || phase === 'connected' || phase === 'ended' ? phase : 'connecting',
          })),
      });
      context.contribute('read-events', 'signals', { take: (events) => service.takeEvents(events) });
      context.contribute('read-events', 'members', { take: (events) => service.takeEvents(events) });
      context.contribute('device-messages', 'pairs', { take: (message) => service.takeMessage(message) });
      const text = (event: ShownEvent): string => context.t(noticeKey(event));
      const notice: FunctionalComponent<{ event: ShownEvent }> = ({ event }) =>
        h(CallNotice, { event, text });
      notice.props = ['event'];
      for (const id of ['invite', 'reject', 'hangup'])
        context.contribute('message-renderer', id, { component: notice, height: 32 });
    },
  });

/** Voice and video calls, encrypted end to end. */
export const plugin = callPlugin();
