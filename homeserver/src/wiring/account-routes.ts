import { argon2Hasher } from '../adapters/argon2-hasher.ts';
import { globalAccountDataRoutes, roomAccountDataRoutes } from '../http/client/account-data/account-data.ts';
import { tagRoutes } from '../http/client/account-data/tags.ts';
import { changePasswordRoute } from '../http/client/accounts/change-password.ts';
import { checkRegistrationTokenRoute } from '../http/client/accounts/check-registration-token.ts';
import { checkUsernameRoute } from '../http/client/accounts/check-username.ts';
import { deactivateRoute } from '../http/client/accounts/deactivate.ts';
import { openIdUserInfoRoute, requestOpenIdTokenRoute } from '../http/client/accounts/openid.ts';
import { registerRoute } from '../http/client/accounts/register.ts';
import { whoAmIRoute } from '../http/client/accounts/who-am-i.ts';
import { moderationRoutes } from '../http/client/admin/moderation.ts';
import { whoIsRoute } from '../http/client/admin/who-is.ts';
import { deleteDeviceRoute, deleteDevicesRoute } from '../http/client/devices/delete-devices.ts';
import { getDeviceRoute } from '../http/client/devices/get-device.ts';
import { getDevicesRoute } from '../http/client/devices/get-devices.ts';
import { updateDeviceRoute } from '../http/client/devices/update-device.ts';
import { filterRoutes } from '../http/client/filters/filters.ts';
import { getCapabilitiesRoute } from '../http/client/meta/get-capabilities.ts';
import { applicationServiceRoutes } from '../http/client/off/application-services.ts';
import { singleSignOnRoutes } from '../http/client/off/single-sign-on.ts';
import { thirdPartyIdentifierRoutes } from '../http/client/off/third-party-identifiers.ts';
import { thirdPartyNetworkRoutes } from '../http/client/off/third-party-networks.ts';
import { getProfileFieldRoute, getProfileRoute } from '../http/client/profile/get-profile.ts';
import { deleteProfileFieldRoute, setProfileFieldRoute } from '../http/client/profile/set-profile-field.ts';
import { pushRuleRoutes } from '../http/client/push-rules/push-rules.ts';
import { getLoginFlowsRoute } from '../http/client/sessions/get-login-flows.ts';
import { getLoginTokenRoute } from '../http/client/sessions/get-login-token.ts';
import { logInRoute } from '../http/client/sessions/log-in.ts';
import { logOutAllRoute, logOutRoute } from '../http/client/sessions/log-out.ts';
import { refreshRoute } from '../http/client/sessions/refresh.ts';
import type { Route } from '../http/route.ts';
import { registrationTokenRoutes } from '../http/admin/registration-tokens.ts';
import { sharedSecretRegisterRoutes } from '../http/admin/shared-secret-register.ts';
import type { AccountParts } from './account-parts.ts';
import type { Foundation } from './foundation.ts';

/** Name of the secret with which the command line of this machine makes accounts. */
const LOCAL_REGISTRATION_SECRET = 'registration-secret';

const registrationRoutes = ({ config, platform, plugins }: Foundation, parts: AccountParts): Route[] => {
  const { registrar, sessions, interactiveAuth, registrationTokens, authSessions, policy } = parts;
  const { clock, random } = platform;
  const { open, minPasswordLength, serverName } = policy;
  const configured = config.registration.sharedSecret;
  const local = platform.secret(LOCAL_REGISTRATION_SECRET);
  const secrets = configured === undefined ? [local] : [configured, local];
  return [
    registerRoute({
      registrar,
      sessions,
      interactiveAuth,
      tokens: registrationTokens,
      clock,
      open,
      minPasswordLength,
      plugins,
    }),
    checkUsernameRoute(registrar),
    checkRegistrationTokenRoute(registrationTokens, clock),
    ...sharedSecretRegisterRoutes({
      registrar,
      sessions,
      nonces: authSessions,
      clock,
      random,
      serverName,
      secrets,
    }),
    ...registrationTokenRoutes(registrationTokens, random),
  ];
};

const sessionRoutes = ({ config, plugins }: Foundation, parts: AccountParts): Route[] => {
  const { credentials, sessions, confirmIdentity: confirm } = parts;
  return [
    getLoginFlowsRoute(),
    logInRoute(credentials, sessions, config.server.publicUrl, plugins),
    getLoginTokenRoute(credentials, confirm),
    refreshRoute(sessions),
    logOutRoute(sessions),
    logOutAllRoute(sessions),
    whoAmIRoute(),
  ];
};

const deviceRoutes = (parts: AccountParts): Route[] => {
  const { users, devices, sessions, deviceObserver, authenticator, confirmIdentity: confirm } = parts;
  const flush = (): Promise<void> => authenticator.flushSightings();
  return [
    getDevicesRoute(devices, flush),
    getDeviceRoute(devices, flush),
    updateDeviceRoute(devices, deviceObserver),
    deleteDeviceRoute(sessions, confirm),
    deleteDevicesRoute(sessions, confirm),
    whoIsRoute(users, devices, flush),
  ];
};

const ownAccountRoutes = ({ platform, relay }: Foundation, parts: AccountParts): Route[] => {
  const { users, sessions, closer, profileStore, policy, grants, confirmIdentity: confirm } = parts;
  const { clock, random } = platform;
  const { minPasswordLength, serverName } = policy;
  const openId = { grants, clock, random, serverName };
  return [
    changePasswordRoute({ users, hasher: argon2Hasher, sessions, confirm, minPasswordLength }),
    deactivateRoute({ closer, sessions, profiles: profileStore, confirm, clock, poke: () => relay.poke() }),
    requestOpenIdTokenRoute(openId),
    openIdUserInfoRoute(openId),
  ];
};

/** Every endpoint of the area. */
export const accountRoutes = (foundation: Foundation, parts: AccountParts): Route[] => {
  const { profiles, accountData, filters, moderation } = parts;
  return [
    ...registrationRoutes(foundation, parts),
    ...sessionRoutes(foundation, parts),
    ...deviceRoutes(parts),
    ...ownAccountRoutes(foundation, parts),
    getCapabilitiesRoute(foundation.config.rooms.defaultVersion),
    getProfileRoute(profiles),
    getProfileFieldRoute(profiles),
    setProfileFieldRoute(profiles),
    deleteProfileFieldRoute(profiles),
    ...globalAccountDataRoutes(accountData),
    ...roomAccountDataRoutes(accountData),
    ...tagRoutes(accountData),
    ...filterRoutes(filters),
    ...pushRuleRoutes(accountData),
    ...moderationRoutes(moderation),
    ...thirdPartyIdentifierRoutes(),
    ...singleSignOnRoutes(),
    ...thirdPartyNetworkRoutes(),
    ...applicationServiceRoutes(),
  ];
};
