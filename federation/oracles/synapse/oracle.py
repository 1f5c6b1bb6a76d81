"""Reads one JSON object per line from standard input and writes one per line to standard output.

`graphs` plays event graphs through Synapse's state resolution and event auth; `sign` and `judge` put single events
through its signing and receiving code. Run with the Python of a virtual environment that has matrix-synapse.
"""

import hashlib
import json
import sys

from signedjson.key import decode_signing_key_base64, decode_verify_key_bytes
from signedjson.sign import SignatureVerifyException, verify_signed_json
from unpaddedbase64 import decode_base64, encode_base64

from synapse import event_auth
from synapse.api.errors import AuthError, SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS, StateResolutionVersions
from synapse.crypto.event_signing import (
    add_hashes_and_signatures,
    check_event_content_hash,
    compute_content_hash,
)
from synapse.events import make_event_from_dict
from synapse.federation.federation_base import event_from_pdu_json
from synapse.state import v1, v2
from synapse.storage.databases.main.event_federation import StateDifference
from synapse.synapse_rust.events import redact_event


def run(coroutine):
    """Runs a coroutine that never really waits: everything it asks for is at hand."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


class Clock:
    async def sleep(self, _duration):
        return None


class Room:
    """The events of a room; stands in for Synapse's storage."""

    def __init__(self, version):
        self.version = version
        self.room_id = None
        self.events = {}
        self.after = {}

    async def get_events(self, ids, **_options):
        return {id: self.events[id] for id in ids if id in self.events}

    async def get_event(self, event_id, **_options):
        return self.events.get(event_id)

    async def get_auth_chain_difference(self, *_arguments):
        # Every event is passed as one that is not persisted yet, for which Synapse walks the chains itself.
        return StateDifference(auth_difference=set(), conflicted_subgraph=set())

    def resolve(self, states):
        if len(states) == 1:
            return dict(states[0])
        if self.version.state_res == StateResolutionVersions.V1:
            resolving = v1.resolve_events_with_store(
                self.room_id, self.version, states, dict(self.events), self.get_events
            )
        else:
            resolving = v2.resolve_events_with_store(
                Clock(), self.room_id, self.version, states, dict(self.events), self
            )
        return dict(run(resolving))

    def judge(self, event, before):
        run(event_auth.check_state_independent_auth_rules(self, event))
        auth_events = [self.events[id] for id in event.auth_event_ids() if id in self.events]
        event_auth.check_state_dependent_auth_rules(event, self.with_create(event, auth_events))
        event_auth.check_state_dependent_auth_rules(event, [self.events[id] for id in before.values()])

    def with_create(self, event, auth_events):
        if not self.version.msc4291_room_ids_as_hashes or event.type == "m.room.create":
            return auth_events
        create = self.events.get("$" + event.room_id[1:])
        return auth_events + ([create] if create else [])


def play(graph):
    room = Room(KNOWN_ROOM_VERSIONS[graph["room_version"]])
    decisions = []
    extremities = set()
    for row in graph["events"]:
        event = make_event_from_dict(row["json"], room.version)
        assert event.event_id == row["event_id"], (event.event_id, row["event_id"])
        room.room_id = room.room_id or event.room_id
        states = [room.after[id] for id in event.prev_event_ids()]
        before = room.resolve(states) if states else {}
        try:
            room.judge(event, before)
            reason = ""
        except AuthError as error:
            reason = error.msg
        except SynapseError as error:
            reason = error.msg
        decisions.append(reason)
        room.events[event.event_id] = event
        after = dict(before)
        if reason:
            # Events are immutable: the rejected one is made anew.
            room.events[event.event_id] = make_event_from_dict(
                row["json"], room.version, rejected_reason="auth_error"
            )
        else:
            if event.is_state():
                after[(event.type, event.state_key)] = event.event_id
            extremities -= set(event.prev_event_ids())
            extremities.add(event.event_id)
        room.after[event.event_id] = after
    state = room.resolve([room.after[id] for id in sorted(extremities)])
    rows = sorted([key[0], key[1], id] for key, id in state.items())
    return {"decisions": decisions, "state": rows}


def sign(request):
    version = KNOWN_ROOM_VERSIONS[request["room_version"]]
    key = decode_signing_key_base64("ed25519", request["key_version"], request["seed"])
    event = request["event"]
    add_hashes_and_signatures(version, event, request["server"], key)
    return event


def judge(request):
    version = KNOWN_ROOM_VERSIONS[request["room_version"]]
    try:
        event = event_from_pdu_json(json.loads(request["text"]), version)
        event_auth.validate_event_for_room_version(event)
    except Exception as error:
        return {"verdict": "drop", "reason": f"format: {error}"}
    redacted = redact_event(event).get_pdu_json()
    redacted.pop("unsigned", None)
    servers = {event.sender.split(":", 1)[1]}
    if version.event_format == 1:
        servers.add(event.event_id.split(":", 1)[1])
    try:
        for server in servers:
            keys = request["keys"].get(server, {})
            verified = False
            for key_id, key in keys.items():
                if key_id not in redacted.get("signatures", {}).get(server, {}):
                    continue
                algorithm, name = key_id.split(":", 1)
                verify_key = decode_verify_key_bytes(key_id, decode_base64(key))
                assert (algorithm, name) == (verify_key.alg, verify_key.version)
                verify_signed_json(redacted, server, verify_key)
                verified = True
            if not verified:
                raise SignatureVerifyException(f"not signed by {server}")
    except Exception as error:
        return {"verdict": "drop", "reason": f"signature: {error}"}
    _name, digest = compute_content_hash(event.get_pdu_json(), hashlib.sha256)
    return {
        "verdict": "ok" if check_event_content_hash(event) else "redact",
        "event_id": event.event_id,
        "content_hash": encode_base64(digest),
        "redacted": redacted,
    }


def main():
    answer = {"graphs": play, "sign": sign, "judge": judge}[sys.argv[1]]
    for line in sys.stdin:
        if line.strip():
            print(json.dumps(answer(json.loads(line))))


main()
