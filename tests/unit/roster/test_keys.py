import base64
import hashlib
import hmac
import stat
from pathlib import Path

import pytest

from presence.events.errors import CallerError, InvariantBroken
from presence.events.vocabulary import PersonId
from presence.log.settings import Settings
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import new_person_id

ADA, BO = PersonId("p_ada"), PersonId("p_bo")


def test_an_event_id_is_the_first_8_bytes_of_the_hmac_of_network_and_native_id() -> None:
    secret = bytes(range(32))
    digest = hmac.digest(secret, b"bluesky:did:plc:x/app.bsky.feed.like/3k#to", hashlib.sha256)
    found = DataKey(secret).event_id("bluesky", "did:plc:x/app.bsky.feed.like/3k#to")
    assert found == int.from_bytes(digest[:8], "big")


def test_pseudonyms_differ_by_person_by_use_and_by_account() -> None:
    one, other = DataKey.new(), DataKey.new()
    seen = {
        one.account_hash("bluesky", "a", 5),
        one.actor_hash("bluesky", "a"),
        one.event_id("bluesky", "a"),
        one.account_hash("bluesky", "b", 5),
        one.account_hash("x", "a", 5),
        one.account_hash("bluesky", "a", 6),
        other.account_hash("bluesky", "a", 5),
        other.actor_hash("bluesky", "a"),
    }
    assert len(seen) == 8
    assert one.account_hash("bluesky", "a", 5) == one.account_hash("bluesky", "a", 5)


def test_what_is_sealed_opens_only_with_its_key_for_its_person_and_unchanged() -> None:
    key = DataKey.new()
    sealed = key.seal(ADA, "at://did:plc:x/app.bsky.feed.post/3k")
    assert key.open(ADA, sealed) == "at://did:plc:x/app.bsky.feed.post/3k"
    assert sealed != key.seal(ADA, "at://did:plc:x/app.bsky.feed.post/3k")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong, person, value in (
        (DataKey.new(), ADA, sealed),
        (key, BO, sealed),
        (key, ADA, changed),
        (key, ADA, b""),
    ):
        with pytest.raises(InvariantBroken):
            wrong.open(person, value)


def test_a_data_key_comes_back_from_its_master_only() -> None:
    master, key = MasterKey(bytes(32)), DataKey.new()
    sealed = master.seal(ADA, key)
    assert key.secret not in sealed
    assert master.open(ADA, sealed).secret == key.secret
    with pytest.raises(InvariantBroken):
        MasterKey(b"x" * 32).open(ADA, sealed)
    with pytest.raises(InvariantBroken):
        master.open(BO, sealed)


def test_the_master_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    first = MasterKey.load(settings)
    assert MasterKey.load(settings).id == first.id
    file = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("wrong", ["not base64!", "schlüssel", base64.b64encode(b"short").decode()])
def test_a_wrong_master_key_is_named(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="master key"):
        MasterKey.load(Settings(data=tmp_path, master_key=wrong))


def test_a_master_key_file_that_cannot_be_read_or_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "master.key").mkdir()
    (tmp_path / "file").write_text("")
    for data in (tmp_path, tmp_path / "file" / "data"):
        with pytest.raises(CallerError, match="master key"):
            MasterKey.load(Settings(data=data))


def test_person_ids_are_random_and_of_the_form_that_the_api_states() -> None:
    ids = {new_person_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 28 and each.startswith("p_") for each in ids)
