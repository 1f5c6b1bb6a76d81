//! An event graph played in order: every event is judged by its auth events and by the state before it, which is the
//! resolution of the states after its previous events.

use std::collections::{BTreeSet, HashMap, HashSet};

use ruma_common::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    UserId, room_version_rules::RoomVersionRules,
};
use ruma_events::{StateEventType, TimelineEventType};
use ruma_state_res::{
    Event, StateMap, check_state_dependent_auth_rules, check_state_independent_auth_rules, resolve,
    utils::event_id_set::EventIdSet,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Graph {
    room_version: String,
    room_id: OwnedRoomId,
    events: Vec<Pdu>,
}

#[derive(Deserialize)]
struct Pdu {
    event_id: OwnedEventId,
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    origin_server_ts: MilliSecondsSinceUnixEpoch,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    content: Box<RawValue>,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    redacts: Option<OwnedEventId>,
    #[serde(skip)]
    rejected: bool,
}

impl Event for Pdu {
    type Id = OwnedEventId;
    fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }
    fn room_id(&self) -> Option<&RoomId> {
        self.room_id.as_deref()
    }
    fn sender(&self) -> &UserId {
        &self.sender
    }
    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.origin_server_ts
    }
    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }
    fn content(&self) -> &RawValue {
        &self.content
    }
    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }
    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }
    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }
    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }
    fn rejected(&self) -> bool {
        self.rejected
    }
}

#[derive(Serialize)]
struct Outcome {
    /// Per event, in order: an empty text when it is accepted, else why not.
    decisions: Vec<String>,
    /// The resolution of the states after all forward extremities: (type, state key, event id), sorted.
    state: Vec<(String, String, String)>,
}

struct Room {
    rules: RoomVersionRules,
    create: OwnedEventId,
    events: HashMap<OwnedEventId, Pdu>,
    after: HashMap<OwnedEventId, StateMap<OwnedEventId>>,
    chains: HashMap<OwnedEventId, HashSet<OwnedEventId>>,
}

impl Room {
    fn fetch(&self, id: &EventId) -> Option<&Pdu> {
        self.events.get(id)
    }

    /// The full auth chain of an event, without itself. From version 12 on, the create event is in every chain.
    fn chain_of(&self, pdu: &Pdu) -> HashSet<OwnedEventId> {
        let mut chain = HashSet::new();
        for id in &pdu.auth_events {
            if let Some(known) = self.chains.get(id) {
                chain.extend(known.iter().cloned());
                chain.insert(id.clone());
            }
        }
        chain
    }

    /// Events on a path, in the auth DAG, between two conflicted state events (spec: room version 12).
    fn subgraph(&self, conflicted: &StateMap<Vec<OwnedEventId>>) -> EventIdSet<OwnedEventId> {
        let set: HashSet<&OwnedEventId> = conflicted.values().flatten().collect();
        let mut found = EventIdSet::new();
        for id in &set {
            for middle in self.chains.get(*id).into_iter().flatten() {
                let below = set.contains(middle)
                    || self.chains.get(middle).is_some_and(|chain| chain.iter().any(|end| set.contains(end)));
                if below {
                    found.insert(middle.clone());
                }
            }
            found.insert((*id).clone());
        }
        found
    }

    fn resolve(&self, ids: &[OwnedEventId]) -> StateMap<OwnedEventId> {
        let maps: Vec<&StateMap<OwnedEventId>> = ids.iter().filter_map(|id| self.after.get(id)).collect();
        if maps.len() == 1 {
            return maps[0].clone();
        }
        let chains = maps
            .iter()
            .map(|map| {
                let mut all = EventIdSet::new();
                for id in map.values() {
                    all.insert(id.clone());
                    for member in self.chains.get(id).into_iter().flatten() {
                        all.insert(member.clone());
                    }
                }
                all
            })
            .collect();
        let state_res = self.rules.state_res.v2_rules().expect("version 2 or later");
        resolve(
            &self.rules.authorization,
            state_res,
            maps.iter().copied(),
            chains,
            |id| self.fetch(id),
            |conflicted| Some(self.subgraph(conflicted)),
        )
        .expect("resolution succeeds")
    }

    fn judge(&self, pdu: &Pdu, before: &StateMap<OwnedEventId>) -> Result<(), String> {
        let rules = &self.rules.authorization;
        check_state_independent_auth_rules(rules, pdu, |id| self.fetch(id))?;
        let by_auth_events = |kind: &StateEventType, key: &str| {
            let implied = rules.room_create_event_id_as_room_id && *kind == StateEventType::RoomCreate;
            if implied {
                return self.fetch(&self.create);
            }
            pdu.auth_events.iter().filter_map(|id| self.fetch(id)).find(|event| {
                event.kind.to_string() == kind.to_string() && event.state_key.as_deref() == Some(key)
            })
        };
        check_state_dependent_auth_rules(rules, pdu, by_auth_events).map_err(|e| format!("auth events: {e}"))?;
        let by_state = |kind: &StateEventType, key: &str| {
            before.get(&(kind.clone(), key.to_owned())).and_then(|id| self.fetch(id))
        };
        check_state_dependent_auth_rules(rules, pdu, by_state).map_err(|e| format!("state before: {e}"))
    }
}

pub fn play(line: &str) -> String {
    let graph: Graph = serde_json::from_str(line).expect("a graph");
    let version = RoomVersionId::try_from(graph.room_version.as_str()).expect("a room version");
    let rules = version.rules().expect("a known room version");
    let create = graph.events[0].event_id.clone();
    let mut room =
        Room { rules, create, events: HashMap::new(), after: HashMap::new(), chains: HashMap::new() };
    let mut decisions = Vec::new();
    let mut extremities: BTreeSet<OwnedEventId> = BTreeSet::new();
    for mut pdu in graph.events {
        let is_create = pdu.kind == TimelineEventType::RoomCreate;
        if room.rules.authorization.room_create_event_id_as_room_id && is_create && pdu.room_id.is_none() {
            // The trait wants the room of a create event of version 12, which its wire form does not have.
        }
        let before = if pdu.prev_events.is_empty() { StateMap::new() } else { room.resolve(&pdu.prev_events) };
        let verdict = room.judge(&pdu, &before);
        pdu.rejected = verdict.is_err();
        decisions.push(verdict.err().unwrap_or_default());
        let mut after = before;
        if let (false, Some(key)) = (pdu.rejected, pdu.state_key.as_ref()) {
            after.insert((pdu.kind.to_string().into(), key.clone()), pdu.event_id.clone());
        }
        if !pdu.rejected {
            for id in &pdu.prev_events {
                extremities.remove(id);
            }
            extremities.insert(pdu.event_id.clone());
        }
        let chain = room.chain_of(&pdu);
        room.chains.insert(pdu.event_id.clone(), chain);
        room.after.insert(pdu.event_id.clone(), after);
        if pdu.room_id.is_none() {
            pdu.room_id = (!is_create).then(|| graph.room_id.clone());
        }
        room.events.insert(pdu.event_id.clone(), pdu);
    }
    let ends: Vec<OwnedEventId> = extremities.into_iter().collect();
    let mut state: Vec<(String, String, String)> = room
        .resolve(&ends)
        .into_iter()
        .map(|((kind, key), id)| (kind.to_string(), key, id.to_string()))
        .collect();
    state.sort();
    serde_json::to_string(&Outcome { decisions, state }).expect("serialisable")
}
