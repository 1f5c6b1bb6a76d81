import * as z from 'zod/mini';
import { call, empty, HttpFailure, path } from './http.ts';
import type { Api, HttpPort } from './http.ts';
import { fail, ok } from './result.ts';
import type { Result } from './result.ts';

const versions = z.object({
  versions: z.array(z.string()),
  unstable_features: z.catch(z.record(z.string(), z.boolean()), {}),
});

export type ServerVersions = z.output<typeof versions>;

export const serverVersions = (api: Api): Promise<Result<ServerVersions>> =>
  call(api, versions, 'GET', '/_matrix/client/versions', { timeoutMs: 12_000 });

const flows = z.object({ flows: z.array(z.looseObject({ type: z.string() })) });

/** Login types the server offers: m.login.password, m.login.sso, ... */
export const loginFlows = async (api: Api): Promise<Result<string[]>> => {
  const answer = await call(api, flows, 'GET', '/_matrix/client/v3/login', { timeoutMs: 12_000 });
  return answer.ok ? ok(answer.value.flows.map((flow) => flow.type)) : answer;
};

const session = z.object({
  user_id: z.string(),
  access_token: z.string(),
  device_id: z.string(),
  refresh_token: z.optional(z.string()),
  expires_in_ms: z.optional(z.number()),
});

export type SessionGrant = z.output<typeof session>;

export const passwordLogin = (
  api: Api,
  input: { user: string; password: string; deviceName: string; deviceId?: string },
): Promise<Result<SessionGrant>> =>
  call(api, session, 'POST', '/_matrix/client/v3/login', {
    body: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: input.user },
      password: input.password,
      initial_device_display_name: input.deviceName,
      refresh_token: true,
      ...(input.deviceId === undefined ? {} : { device_id: input.deviceId }),
    },
  });

/** POST /login with the token an SSO redirect came back with. */
export const tokenLogin = (api: Api, token: string, deviceName: string): Promise<Result<SessionGrant>> =>
  call(api, session, 'POST', '/_matrix/client/v3/login', {
    body: { type: 'm.login.token', token, initial_device_display_name: deviceName, refresh_token: true },
  });

export const ssoRedirectUrl = (base: string, returnTo: string): string =>
  `${base}/_matrix/client/v3/login/sso/redirect?redirectUrl=${encodeURIComponent(returnTo)}`;

/** One step of interactive authentication (client-server API, "User-Interactive Authentication API"). */
export type AuthStep = Record<string, unknown> & { session?: string };

export const register = (
  api: Api,
  input: { username: string; password: string; deviceName: string },
  auth: AuthStep | undefined,
): Promise<Result<SessionGrant>> =>
  call(api, session, 'POST', '/_matrix/client/v3/register', {
    body: {
      username: input.username,
      password: input.password,
      initial_device_display_name: input.deviceName,
      refresh_token: true,
      ...(auth === undefined ? {} : { auth }),
    },
  });

const uia = z.object({
  session: z.optional(z.string()),
  flows: z.array(z.object({ stages: z.array(z.string()) })),
  completed: z.optional(z.array(z.string())),
  params: z.optional(z.record(z.string(), z.unknown())),
});

export type AuthChallenge = z.output<typeof uia>;

/** The stages a 401 answer asks for, or undefined when the error is something else. */
export const authChallenge = (body: unknown): AuthChallenge | undefined => {
  const parsed = uia.safeParse(body);
  return parsed.success ? parsed.data : undefined;
};

export const usernameAvailable = (api: Api, username: string): Promise<Result<unknown>> =>
  call(api, empty, 'GET', '/_matrix/client/v3/register/available', { query: { username } });

export const logout = (api: Api): Promise<Result<unknown>> =>
  call(api, empty, 'POST', '/_matrix/client/v3/logout', { body: {}, timeoutMs: 8_000 });

const refreshed = z.object({
  access_token: z.string(),
  refresh_token: z.optional(z.string()),
  expires_in_ms: z.optional(z.number()),
});

export const refresh = (api: Api, refreshToken: string): Promise<Result<z.output<typeof refreshed>>> =>
  call(api, refreshed, 'POST', '/_matrix/client/v3/refresh', { body: { refresh_token: refreshToken } });

const device = z.object({
  device_id: z.string(),
  display_name: z.catch(z.optional(z.nullable(z.string())), undefined),
  last_seen_ts: z.catch(z.optional(z.nullable(z.number())), undefined),
  last_seen_ip: z.catch(z.optional(z.nullable(z.string())), undefined),
});

export type Device = z.output<typeof device>;

export const devices = async (api: Api): Promise<Result<Device[]>> => {
  const answer = await call(api, z.object({ devices: z.array(device) }), 'GET', '/_matrix/client/v3/devices');
  return answer.ok ? ok(answer.value.devices) : answer;
};

export const renameDevice = (api: Api, deviceId: string, name: string): Promise<Result<unknown>> =>
  call(api, empty, 'PUT', path`/_matrix/client/v3/devices/${deviceId}`, { body: { display_name: name } });

export const deleteDevices = (api: Api, deviceIds: string[], auth?: AuthStep): Promise<Result<unknown>> =>
  call(api, empty, 'POST', '/_matrix/client/v3/delete_devices', {
    body: { devices: deviceIds, ...(auth === undefined ? {} : { auth }) },
  });

export const changePassword = (
  api: Api,
  newPassword: string,
  logoutDevices: boolean,
  auth?: AuthStep,
): Promise<Result<unknown>> =>
  call(api, empty, 'POST', '/_matrix/client/v3/account/password', {
    body: {
      new_password: newPassword,
      logout_devices: logoutDevices,
      ...(auth === undefined ? {} : { auth }),
    },
  });

export const deactivate = (api: Api, erase: boolean, auth?: AuthStep): Promise<Result<unknown>> =>
  call(api, empty, 'POST', '/_matrix/client/v3/account/deactivate', {
    body: { erase, ...(auth === undefined ? {} : { auth }) },
  });

const wellKnown = z.looseObject({ 'm.homeserver': z.looseObject({ base_url: z.string() }) });

/** Hosts that may be reached without TLS: a developer's own machine. */
const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);

/**
 * Where a server answers clients, from what a person typed: "example.org", "@me:example.org" or an address.
 * Follows /.well-known/matrix/client (client-server API, "Well-known URI") and falls back to the name itself.
 */
export const discover = async (http: HttpPort, typed: string): Promise<Result<string>> => {
  const name = typed.trim().replace(/^@[^:]*:/, '');
  let url: URL;
  try {
    const bare = /^https?:\/\//i.test(name);
    url = new URL(bare ? name : `https://${name}`);
    if (!bare && isLoopback(url.hostname)) url = new URL(`http://${name}`);
  } catch {
    return fail({ kind: 'shape', code: 'BAD_NAME', message: name });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return fail({ kind: 'shape', code: 'NEEDS_TLS', message: name });
  }
  const origin = url.origin;
  let base = origin;
  try {
    const response = await http.send({
      method: 'GET',
      url: `${origin}/.well-known/matrix/client`,
      headers: {},
      timeoutMs: 8_000,
    });
    if (response.status === 200) {
      const parsed = wellKnown.safeParse(JSON.parse(await response.body.slice(0, 65_536).text()));
      if (parsed.success) base = new URL(parsed.data['m.homeserver'].base_url).origin;
    }
  } catch (error) {
    // Missing or broken well-known: the name itself is tried, as the specification says (FAIL_PROMPT is the person's).
    if (!(error instanceof HttpFailure) && !(error instanceof SyntaxError) && !(error instanceof TypeError)) {
      throw error;
    }
  }
  const api: Api = { base, http, token: () => undefined };
  const answer = await serverVersions(api);
  return answer.ok ? ok(base) : answer;
};
