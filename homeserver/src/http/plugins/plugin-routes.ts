import { z } from 'zod';
import type { PluginHost, RunningPlugin } from '../../plugins/plugin-host.ts';
import type { Requester } from '../../ports/authenticator.ts';
import { DomainError } from '../../domain/errors.ts';
import { parseJsonBody } from '../parse-json.ts';
import type { Route } from '../route.ts';
import { defineRoute } from '../route.ts';

const values = z.record(z.string(), z.string());

const MAX_BODY = 65_536;
const MAX_ANSWER = 524_288;

/** Answers are data, whatever a browser is told to do with them. */
const HEADERS = {
  'content-security-policy': "sandbox; default-src 'none'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

type Contribution = RunningPlugin['loaded']['manifest']['contributes']['server']['routes'][number];

const pluginRoute = (host: PluginHost, plugin: RunningPlugin, { method, path, auth }: Contribution): Route =>
  defineRoute({
    operation: `plugin ${plugin.loaded.manifest.id}`,
    method,
    paths: [`/_plugins/${plugin.loaded.manifest.id}${path}`],
    auth,
    limit: 'message',
    body: method === 'GET' ? 'none' : 'raw',
    bodyLimit: MAX_BODY,
    denySuspended: true,
    params: values,
    query: values,
    handler: async ({ params, query, requester, request }) => {
      const user: Requester | undefined = requester;
      const answer = await host.request(plugin, {
        method,
        route: path,
        params,
        query,
        ...(request.rawBody.length === 0 ? {} : { body: parseJsonBody(request.rawBody) }),
        ...(user === undefined ? {} : { userId: user.userId }),
      });
      const body = answer.body ?? {};
      if (JSON.stringify(body).length > MAX_ANSWER)
        throw new DomainError('bad_gateway', 'The answer of the plugin is too large');
      return { status: answer.status, body, headers: HEADERS };
    },
  });

/** The HTTP routes that plugins contribute, under a prefix of their own each. */
export const pluginRoutes = (host: PluginHost): Route[] =>
  host.plugins.flatMap((plugin) =>
    plugin.loaded.manifest.contributes.server.routes.map((route) => pluginRoute(host, plugin, route)),
  );
