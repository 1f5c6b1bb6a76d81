import { z } from 'zod';

/** Answer of a policy server's sign (spec: Server-Server API, POST policy/v1/sign): signatures by server and key id. */
export const policySignAnswerSchema = z.record(z.string(), z.record(z.string(), z.string()));
