/** The call plugin in a page of its own, over a host whose other side is the test: no server, and real media. */
import { createApp, h, type Component } from 'vue';
import * as z from 'zod';
import type { ArrivedEvent, DeviceMessage, RoomInfo } from '@nyx/plugin-sdk/client/data.ts';
import type { TrustedContributions } from '@nyx/plugin-sdk/client/contributions.ts';
import type { RegisteredPoint } from '@nyx/plugin-sdk/client/points.ts';
import { ClientRuntime } from '@nyx/plugin-sdk/client/runtime.ts';
import { admit } from '@nyx/plugin-sdk/client/access.ts';
import { manifestSchema } from '@nyx/plugin-sdk/manifest.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import { callPlugin } from '@nyx/webrtc-calls/client.ts';
import { USUAL_TIMES, type Times } from '@nyx/webrtc-calls/call/state.ts';
import { USUAL_CONFERENCE_TIMES } from '@nyx/webrtc-calls/mesh/conference.ts';
import manifest from '../../../plugins/webrtc-calls/plugin.json';
import BaseButton from '../../src/components/base/base-button.vue';
import IconButton from '../../src/components/base/icon-button.vue';
import '../../src/themes/tokens.css';
import '../../src/themes/base.css';

type Started = {
  readonly userId: string;
  readonly deviceId: string;
  readonly alwaysRelay: boolean;
  readonly times: Partial<Times>;
};

declare global {
  interface Window {
    /** Given by the test: does what the plugin asks of the client. */
    outside: (call: string, params: unknown) => Promise<{ ok: unknown } | { code: string }>;
    callPage: {
      start: (options: Started) => Promise<void>;
      deliver: (events: readonly ArrivedEvent[]) => Promise<void>;
      message: (message: DeviceMessage) => Promise<void>;
      place: (room: RoomInfo, video: boolean) => Promise<boolean>;
    };
    faults: string[];
  }
}

const answerSchema = z.union([z.object({ ok: z.unknown() }), z.object({ code: z.string() })]);
const nothing: Component = { render: () => null };
window.faults = [];

/** Small pictures: what is tested is that they arrive, on a machine that has other things to do. */
const source: Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia' | 'enumerateDevices'> = {
  getUserMedia: (constraints) =>
    navigator.mediaDevices.getUserMedia({
      ...constraints,
      ...(constraints?.video === undefined ? {} : { video: { width: 160, height: 120, frameRate: 5 } }),
    }),
  getDisplayMedia: (options) => navigator.mediaDevices.getDisplayMedia(options),
  enumerateDevices: () => navigator.mediaDevices.enumerateDevices(),
};

const start = async ({ userId, deviceId, alwaysRelay, times }: Started): Promise<ClientRuntime> => {
  const parsed = manifestSchema.parse(manifest);
  const granted = new Set(parsed.permissions);
  const plugin = callPlugin({
    times: { ...USUAL_TIMES, ...times },
    conferenceTimes: USUAL_CONFERENCE_TIMES,
    source,
  });
  const kit = {
    ...{ Button: BaseButton, IconButton, Switch: nothing, TextField: nothing, Dialog: nothing },
    ...{ Avatar: nothing, NoticeBar: nothing, Spinner: nothing },
  };
  return ClientRuntime.startTrusted(plugin, kit, {
    manifest: parsed,
    onError: (error) => void window.faults.push(String(error)),
    services: {
      self: { userId, deviceId },
      locale: () => 'en',
      now: () => Date.now(),
      newId: () => crypto.randomUUID(),
      after: (milliseconds, run) => {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
      settings: () => ({ 'always-relay': alwaysRelay }),
      call: async (name, params) => {
        const { call, params: admitted } = admit(
          { manifest: parsed, granted, nameOf: () => undefined },
          name,
          params,
        );
        const answer = answerSchema.parse(await window.outside(call, admitted));
        if ('code' in answer) throw new RpcError(answer.code, 'the test says no');
        return answer.ok;
      },
    },
  });
};

let runtime: ClientRuntime | undefined;
const get = <P extends RegisteredPoint>(point: P, id: string): TrustedContributions[P] => {
  const found = runtime?.contributions.find((one) => one.point === point && one.id === id);
  if (found === undefined) throw new Error(`${point} ${id} is not there`);
  // Registered under this point.
  return found.contribution as TrustedContributions[P];
};

window.callPage = {
  start: async (options) => {
    runtime = await start(options);
    const { component } = get('overlay', 'calls');
    createApp({ render: () => h(component) }).mount('#app');
  },
  deliver: async (events) => {
    await get('read-events', 'signals').take(events);
  },
  message: async (message) => {
    await get('device-messages', 'pairs').take(message);
  },
  place: async (room, video) => {
    const provider = get('call-provider', 'calls');
    if (!provider.canHandle(room)) return false;
    await provider.start(room.roomId, { video });
    return true;
  },
};
