import type { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { z } from 'zod';
import { MAX_GATEWAY_ANSWER } from '../domain/push/limits.ts';
import type { PushGateway } from '../ports/push-gateway.ts';

/** A gateway that cannot be reached or does not answer as the spec says. */
class PushGatewayError extends Error {
  override readonly name = 'PushGatewayError';
  readonly code = 'push_gateway';
}

const answerSchema = z.object({ rejected: z.array(z.string()).default([]) });

/** Push gateways over HTTP, behind the address policy. Redirects are not followed: the client named the address. */
export const httpPushGateway = (http: GuardedHttp, timeoutMs: number): PushGateway => ({
  notify: async (url, notification, signal) => {
    const { status, body } = await http.fetch(
      {
        url,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'Nyx' },
        body: JSON.stringify(notification),
        timeoutMs,
        signal,
      },
      MAX_GATEWAY_ANSWER,
    );
    if (status < 200 || status > 299) throw new PushGatewayError(`the gateway answered ${status}`);
    return answerSchema.parse(JSON.parse(body.toString())).rejected;
  },
});
