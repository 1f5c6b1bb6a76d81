import { ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import type { Api } from '../matrix/api/http.ts';
import { ok } from '../matrix/api/result.ts';
import type { Result } from '../matrix/api/result.ts';
import {
  authChallenge,
  discover,
  loginFlows,
  passwordLogin,
  register,
  ssoRedirectUrl,
  tokenLogin,
  usernameAvailable,
} from '../matrix/api/session.ts';
import type { AuthChallenge, AuthStep, SessionGrant } from '../matrix/api/session.ts';
import { recordOf, stringOf } from '../matrix/events.ts';
import { loadSetting, saveSetting } from '../adapters/saved-session.ts';
import { useSession } from '../stores/session.ts';
import { useServices } from '../runtime/services.ts';
import { useAction } from './use-action.ts';

/** The server a person starts with: the last one used, else the one this page came from. */
const defaultServer = (): string => {
  const saved = loadSetting('server');
  if (saved !== undefined) return saved;
  return location.protocol.startsWith('http') ? location.host : '';
};

/** Steps of a registration that a person has to see; the rest is done without them. */
export type RegistrationStep =
  | { kind: 'token' }
  | { kind: 'terms'; policies: { name: string; url: string }[] }
  | { kind: 'unsupported'; stage: string };

const policiesOf = (challenge: AuthChallenge): { name: string; url: string }[] => {
  const policies = recordOf(recordOf(challenge.params?.['m.login.terms'])?.policies) ?? {};
  return Object.values(policies).flatMap((policy) => {
    const record = recordOf(policy);
    const text =
      recordOf(record?.en) ??
      Object.values(record ?? {})
        .map(recordOf)
        .find((one) => one !== undefined);
    const url = stringOf(text?.url);
    return url?.startsWith('https://') === true ? [{ name: stringOf(text?.name) ?? url, url }] : [];
  });
};

/** Logs in and registers; pages hold the fields. */
export const useSignIn = () => {
  const { t } = useI18n();
  const services = useServices();
  const session = useSession();
  const server = ref(defaultServer());
  const base = ref<string>();
  const flows = shallowRef<string[]>([]);
  const step = shallowRef<RegistrationStep>();
  let challenge: AuthChallenge | undefined;

  const api = (): Api => ({ base: base.value ?? '', http: services.http, token: () => undefined });
  const browserName = (): string => {
    const found = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(navigator.userAgent)?.[1] ?? '';
    return t('auth.deviceName', { browser: { Edg: 'Edge', OPR: 'Opera' }[found] ?? (found || 'a browser') });
  };

  const find = useAction(async (): Promise<Result<string>> => {
    const found = await discover(services.http, server.value);
    if (!found.ok) return found;
    base.value = found.value;
    saveSetting('server', server.value.trim());
    const offered = await loginFlows(api());
    flows.value = offered.ok ? offered.value : [];
    return found;
  });

  const login = useAction(async (user: string, password: string): Promise<Result<unknown>> => {
    // A soft log-out keeps the device: the same id keeps its keys and its store.
    const before = session.session;
    const sameDevice =
      session.signedOutBy === 'server' &&
      before?.userId.startsWith(`@${user.replace(/^@/, '').split(':')[0] ?? ''}:`) === true
        ? { deviceId: before.deviceId }
        : {};
    const answer = await passwordLogin(api(), { user, password, deviceName: browserName(), ...sameDevice });
    if (!answer.ok) return answer;
    await session.signIn(base.value ?? '', answer.value, password);
    return ok(undefined);
  });

  /** Off to the server's own sign-in; it comes back here with a token. */
  const startSso = (): void => {
    if (base.value === undefined) return;
    // What comes back is taken only where this page sent somebody off: a token in a link must not sign anybody in.
    saveSetting('ssoServer', base.value);
    location.assign(ssoRedirectUrl(base.value, location.href.split(/[?#]/)[0] ?? ''));
  };

  /** Back from the server's own sign-in. */
  const finishSso = useAction(async (): Promise<Result<unknown>> => {
    const token = new URLSearchParams(location.search).get('loginToken');
    const from = loadSetting('ssoServer');
    if (token === null) return ok(undefined);
    // The token is good once: it must not stay in the address.
    history.replaceState(history.state, '', location.href.replace(location.search, ''));
    if (from === undefined || from === '') return ok(undefined);
    saveSetting('ssoServer', '');
    base.value = from;
    const answer = await tokenLogin(api(), token, browserName());
    if (!answer.ok) return answer;
    await session.signIn(from, answer.value, undefined);
    return ok(undefined);
  });

  const nextStep = (current: AuthChallenge): RegistrationStep | undefined => {
    const done = new Set(current.completed ?? []);
    const easy = new Set(['m.login.dummy', 'm.login.terms', 'm.login.registration_token']);
    const flow =
      current.flows.find((one) => one.stages.every((stage) => easy.has(stage))) ?? current.flows[0];
    const stage = flow?.stages.find((one) => !done.has(one));
    if (stage === undefined || stage === 'm.login.dummy') return undefined;
    if (stage === 'm.login.registration_token') return { kind: 'token' };
    if (stage === 'm.login.terms') return { kind: 'terms', policies: policiesOf(current) };
    return { kind: 'unsupported', stage };
  };

  /** Registers, walking through the server's stages; stops with `step` set where a person is needed. */
  const signUp = useAction(
    async (
      username: string,
      password: string,
      answerStep: AuthStep | undefined,
    ): Promise<Result<unknown>> => {
      const input = { username, password, deviceName: browserName() };
      let auth: AuthStep | undefined = answerStep;
      if (auth !== undefined && challenge?.session !== undefined)
        auth = { ...auth, session: challenge.session };
      if (auth === undefined) {
        const free = await usernameAvailable(api(), username);
        if (!free.ok && free.error.kind === 'http' && free.error.status === 400) return free;
      }
      // Each round completes one stage of at most a handful; the bound stops a server that never finishes.
      for (let round = 0; round < 8; round += 1) {
        const answer: Result<SessionGrant> = await register(api(), input, auth);
        if (answer.ok) {
          step.value = undefined;
          await session.signIn(base.value ?? '', answer.value, password);
          return ok(undefined);
        }
        const asked = answer.error.status === 401 ? authChallenge(answer.error.body) : undefined;
        if (asked === undefined) return answer;
        challenge = asked;
        // What was entered is refused: not to be got around by another flow.
        if (round === 0 && answerStep !== undefined && answer.error.code !== '') return answer;
        step.value = nextStep(asked);
        if (step.value !== undefined) {
          // The same stage again means that what was entered is wrong.
          return answerStep !== undefined && answer.error.code !== '' ? answer : ok(undefined);
        }
        auth = { type: 'm.login.dummy', ...(asked.session === undefined ? {} : { session: asked.session }) };
      }
      return ok(undefined);
    },
  );

  return { server, base, flows, step, find, login, signUp, startSso, finishSso };
};
