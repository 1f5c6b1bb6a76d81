"""Drives a homeserver with matrix-nio as two users would. Called with the server's address; fails by an exception."""

import asyncio
import base64
import io
import sys

import nio

PASSWORD = "correct horse battery staple"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def good(answer, kind):
    """The answer, if it is of the kind that nio gives for a success."""
    if not isinstance(answer, kind):
        raise AssertionError(f"wanted {kind.__name__}, got {answer!r}")
    return answer


def refused(answer, kind, code):
    good(answer, kind)
    if answer.status_code != code:
        raise AssertionError(f"wanted {code}, got {answer!r}")


async def new_client(url, name):
    client = nio.AsyncClient(url, name, config=nio.AsyncClientConfig(encryption_enabled=False))
    # Rooms that syncs showed as left: nio keeps them among its rooms.
    client.left = set()
    good(await client.register(name, PASSWORD, "nio"), nio.RegisterResponse)
    return client


async def until(client, what, is_there):
    """Syncs until something is there."""
    for _ in range(50):
        if is_there():
            return
        answer = good(await client.sync(timeout=2000), nio.SyncResponse)
        client.left.update(answer.rooms.leave)
    raise AssertionError(f"never saw {what}")


def bodies(client, room):
    return [body for seen, body in client.seen if seen == room]


def listen(client):
    client.seen = []
    client.redacted = []
    client.add_event_callback(
        lambda room, event: client.seen.append((room.room_id, event.body)), nio.RoomMessageText
    )
    client.add_event_callback(
        lambda room, event: client.redacted.append(event.redacts), nio.RedactionEvent
    )


async def accounts(url):
    alice = await new_client(url, "nio-alice")
    bob = await new_client(url, "nio-bob")
    wrong = nio.AsyncClient(url, "nio-alice")
    refused(await wrong.login("not the password"), nio.LoginError, "M_FORBIDDEN")
    await wrong.close()
    again = nio.AsyncClient(url, alice.user_id)
    good(await again.login(PASSWORD, "second"), nio.LoginResponse)
    good(await again.whoami(), nio.WhoamiResponse)
    assert len(good(await alice.devices(), nio.DevicesResponse).devices) == 2
    good(await again.logout(), nio.LogoutResponse)
    await again.close()
    good(await alice.set_displayname("Alice of nio"), nio.ProfileSetDisplayNameResponse)
    name = good(await bob.get_displayname(alice.user_id), nio.ProfileGetDisplayNameResponse)
    assert name.displayname == "Alice of nio", name
    return alice, bob


async def rooms(alice, bob):
    created = good(
        await alice.room_create(name="From nio", topic="Talk", invite=[bob.user_id]),
        nio.RoomCreateResponse,
    )
    room = created.room_id
    await until(bob, "the invite", lambda: room in bob.invited_rooms)
    assert bob.invited_rooms[room].inviter == alice.user_id
    good(await bob.join(room), nio.JoinResponse)
    await until(bob, "the room", lambda: room in bob.rooms)
    assert bob.rooms[room].name == "From nio"
    members = good(await bob.joined_members(room), nio.JoinedMembersResponse).members
    assert {member.user_id for member in members} == {alice.user_id, bob.user_id}
    refused(await bob.join("!nowhere:localhost"), nio.JoinError, "M_NOT_FOUND")
    return room


async def messages(alice, bob, room):
    listen(bob)
    await until(alice, "the room", lambda: room in alice.rooms)
    sent = good(
        await alice.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "hello from nio"}),
        nio.RoomSendResponse,
    )
    await until(bob, "the message", lambda: "hello from nio" in bodies(bob, room))
    good(await bob.room_typing(room), nio.RoomTypingResponse)
    await until(alice, "typing", lambda: bob.user_id in alice.rooms[room].typing_users)
    good(await bob.room_read_markers(room, sent.event_id, sent.event_id), nio.RoomReadMarkersResponse)
    good(await bob.update_receipt_marker(room, sent.event_id), nio.UpdateReceiptMarkerResponse)
    await until(alice, "the receipt", lambda: bob.user_id in alice.rooms[room].read_receipts)
    unwanted = good(
        await alice.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "a mistake"}),
        nio.RoomSendResponse,
    )
    await until(bob, "the mistake", lambda: "a mistake" in bodies(bob, room))
    good(await alice.room_redact(room, unwanted.event_id, "wrong"), nio.RoomRedactResponse)
    await until(bob, "the redaction", lambda: unwanted.event_id in bob.redacted)
    for number in range(5):
        content = {"msgtype": "m.text", "body": f"number {number}"}
        good(await alice.room_send(room, "m.room.message", content), nio.RoomSendResponse)
    page = good(
        await bob.room_messages(room, None, direction=nio.MessageDirection.back, limit=3),
        nio.RoomMessagesResponse,
    )
    assert [event.body for event in page.chunk] == ["number 4", "number 3", "number 2"], page.chunk
    earlier = good(await bob.room_messages(room, page.end, limit=2), nio.RoomMessagesResponse)
    assert [event.body for event in earlier.chunk] == ["number 1", "number 0"], earlier.chunk
    around = good(await bob.room_context(room, sent.event_id), nio.RoomContextResponse)
    assert around.event.body == "hello from nio"
    one = good(await bob.room_get_event(room, sent.event_id), nio.RoomGetEventResponse)
    assert one.event.sender == alice.user_id
    state = good(await bob.room_get_state_event(room, "m.room.topic"), nio.RoomGetStateEventResponse)
    assert state.content["topic"] == "Talk"


async def post(client, path, body):
    """What nio has no call for goes over its own connection, as its users do."""
    response = await client.client_session.post(
        client.homeserver + path, json=body, headers={"Authorization": f"Bearer {client.access_token}"}
    )
    assert response.status == 200, await response.text()
    return await response.json()


async def search(alice, bob):
    found = await post(
        bob,
        "/_matrix/client/v3/search",
        {"search_categories": {"room_events": {"search_term": "hello nio", "order_by": "recent"}}},
    )
    results = found["search_categories"]["room_events"]["results"]
    assert [one["result"]["content"]["body"] for one in results] == ["hello from nio"], results
    people = await post(bob, "/_matrix/client/v3/user_directory/search", {"search_term": "alice of"})
    assert [one["user_id"] for one in people["results"]] == [alice.user_id], people


async def media(alice, bob, room):
    uploaded, _keys = await alice.upload(
        lambda *_: io.BytesIO(PNG), content_type="image/png", filename="dot.png", filesize=len(PNG)
    )
    uri = good(uploaded, nio.UploadResponse).content_uri
    content = {"msgtype": "m.image", "body": "dot.png", "url": uri}
    good(await alice.room_send(room, "m.room.message", content), nio.RoomSendResponse)
    got = good(await bob.download(uri), nio.DownloadResponse)
    assert got.body == PNG and got.content_type == "image/png"
    server, media_id = uri[len("mxc://") :].split("/")
    small = await bob.thumbnail(server, media_id, 32, 32, nio.ResizingMethod.crop)
    assert good(small, nio.ThumbnailResponse).content_type == "image/png"
    good(await bob.download(f"mxc://{server}/nothing"), nio.DownloadError)
    config = good(await bob.content_repository_config(), nio.ContentRepositoryConfigResponse)
    assert config.upload_size > 0


async def leaving(alice, bob, room):
    good(await alice.room_kick(room, bob.user_id, "bye"), nio.RoomKickResponse)
    await until(bob, "the kick", lambda: room in bob.left)
    refused(
        await bob.room_send(room, "m.room.message", {"msgtype": "m.text", "body": "x"}),
        nio.RoomSendError,
        "M_FORBIDDEN",
    )
    good(await bob.room_forget(room), nio.RoomForgetResponse)
    alias = "nio-room"
    public = good(
        await alice.room_create(visibility=nio.RoomVisibility.public, alias=alias, preset=nio.RoomPreset.public_chat),
        nio.RoomCreateResponse,
    )
    server = alice.user_id.split(":", 1)[1]
    resolved = good(await bob.room_resolve_alias(f"#{alias}:{server}"), nio.RoomResolveAliasResponse)
    assert resolved.room_id == public.room_id
    good(await bob.join(f"#{alias}:{server}"), nio.JoinResponse)
    good(await bob.room_leave(public.room_id), nio.RoomLeaveResponse)


async def main(url):
    alice, bob = await accounts(url)
    try:
        room = await rooms(alice, bob)
        await messages(alice, bob, room)
        await search(alice, bob)
        await media(alice, bob, room)
        await leaving(alice, bob, room)
        good(await alice.logout(True), nio.LogoutResponse)
    finally:
        await alice.close()
        await bob.close()


asyncio.run(main(sys.argv[1]))
print("done")
