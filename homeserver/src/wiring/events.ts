import type { Signer } from '@nyx/federation/signing/keys.ts';
import { BundledRelations } from '../domain/events/bundled-relations.ts';
import { ChainIndex } from '../domain/events/chain-index.ts';
import { EventBuilder } from '../domain/events/event-builder.ts';
import { EventEngine, type EventStores } from '../domain/events/event-engine.ts';
import { PolicyServers, type PolicySignatures } from '../domain/events/policy-servers.ts';
import { PersistEvents } from '../domain/events/persist-events.ts';
import { PresentEvents } from '../domain/events/present-events.ts';
import { StateResolver } from '../domain/events/resolve-states.ts';
import { StagedEvents } from '../domain/events/staged-events.ts';
import { Visibility } from '../domain/events/visibility.ts';
import { MongoEventAppender } from '../storage/mongo/events/mongo-event-appender.ts';
import { MongoEventLookups } from '../storage/mongo/events/mongo-event-lookups.ts';
import { MongoEventReader } from '../storage/mongo/events/mongo-event-reader.ts';
import { MongoRelationLookups } from '../storage/mongo/events/mongo-relation-lookups.ts';
import { MongoStateLayers } from '../storage/mongo/events/mongo-state-layers.ts';
import type { Foundation } from './foundation.ts';

/** Everything that reads, makes and stores events. */
export type EventServices = {
  readonly signer: Signer;
  readonly stores: EventStores;
  readonly engine: EventEngine;
  readonly builder: EventBuilder;
  readonly persist: PersistEvents;
  readonly policies: PolicyServers;
  readonly visibility: Visibility;
  readonly present: PresentEvents;
};

/** Builds what makes, stores and finds events. */
export const wireEvents = (
  foundation: Foundation,
  signer: Signer,
  signatures: PolicySignatures,
): EventServices => {
  const { db, stream, notifier, platform, resources } = foundation;
  const { clock, random } = platform;
  const stores: EventStores = {
    appender: new MongoEventAppender(db),
    reader: new MongoEventReader(db),
    lookups: new MongoEventLookups(db),
    relations: new MongoRelationLookups(db),
    layers: new MongoStateLayers(db),
  };
  const engine = resources.use(new EventEngine(stores, stream, notifier));
  const events = new StagedEvents(engine.events);
  const chains = new ChainIndex(stores.lookups);
  const resolver = new StateResolver(events, stores.lookups, random);
  const policies = new PolicyServers(events, signatures);
  const relations = new BundledRelations(stores.relations, engine.hints, clock);
  return {
    signer,
    stores,
    engine,
    builder: new EventBuilder({ signer, clock, random, events, chains, policies }),
    policies,
    persist: new PersistEvents({ engine, appender: stores.appender, events, resolver, chains, clock }),
    visibility: new Visibility(engine.states, engine.events),
    present: new PresentEvents(engine.events, relations, clock),
  };
};
