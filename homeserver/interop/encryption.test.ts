import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFederation, type TestFederation } from '../src/testing/create-federation.ts';
import { startSynapse, SYNAPSE, type RealSynapse } from '../src/testing/real-synapse.ts';
import { thisMachine } from '../src/services/start-services.ts';
import { pythonEnvironment } from '../src/services/tools.ts';
import { livesTogether, person, silenceSdk } from '../tests/clients/sdk-crypto.ts';
import { sdkFor, type Sdk } from '../tests/clients/sdk.ts';

/** Clients of matrix-js-sdk with matrix-sdk-crypto-wasm, one on a Nyx server, the other on a real Synapse. */

const python = await pythonEnvironment(
  [SYNAPSE],
  thisMachine((line) => console.info(line)),
).catch((error: unknown) => {
  console.warn(`skipped: no Synapse here: ${String(error)}`);
  return undefined;
});

let federation: TestFederation;
let synapse: RealSynapse;
let agent: Agent;
let here: Sdk;
let there: Sdk;
const folder = mkdtempSync(join(tmpdir(), 'nyx-interop-crypto-'));

beforeAll(async () => {
  if (python === undefined) return;
  federation = await createFederation(1);
  const [nyx] = federation.servers;
  if (nyx === undefined) throw new Error('no server');
  const { authority, caFile } = federation;
  synapse = await startSynapse({ python, folder, authority, caFile });
  silenceSdk();
  agent = new Agent({ connect: { ca: authority.cert } });
  here = sdkFor(nyx);
  // What Synapse answers is not ours to judge.
  there = sdkFor({ url: `https://${synapse.name}` }, { dispatcher: agent, isChecked: false });
}, 240_000);
afterAll(async () => {
  if (python === undefined) return;
  here.stop();
  there.stop();
  await agent.close();
  await synapse[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

test.skipIf(python === undefined)(
  'a room of a Nyx user: messages, verification, cross-signing, backup',
  async () => {
    await livesTogether(await person(here, 'nell'), await person(there, 'sam'));
    expect(here.problems).toEqual([]);
  },
  240_000,
);

test.skipIf(python === undefined)(
  'a room of a Synapse user: messages, verification, cross-signing, backup',
  async () => {
    await livesTogether(await person(there, 'sue'), await person(here, 'nat'));
    expect(here.problems).toEqual([]);
  },
  240_000,
);
