from dataclasses import replace

import pytest

from presence.events.errors import CallerError, InvariantBroken
from presence.events.vocabulary import Network, PersonId, PersonKind
from presence.roster import people
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import Account, ConsentBasis, Person
from presence.roster.registry import Registry

BLUESKY, X = Network("bluesky"), Network("x")
MASTER = MasterKey(bytes(32))
ADA = people.new_person_id()
KEY = DataKey.new()


def account(network: Network, native: str) -> Account:
    return Account(network, KEY.account_hash(network, native, 5), KEY.seal(ADA, native), 5)


def ada(*accounts: Account) -> Person:
    return Person(
        id=ADA,
        kind=PersonKind.PERSON,
        basis=ConsentBasis.GRANTED,
        granted_ms=5,
        terms=people.TERMS,
        sealed_key=MASTER.seal(ADA, KEY),
        master_key_id=MASTER.id,
        accounts=accounts,
    )


def test_a_record_survives_its_encoding() -> None:
    person = ada(account(BLUESKY, "did:plc:a"), account(X, "7"))
    assert people.decode(people.encode(person)) == person
    assert b"did:plc:a" not in people.encode(person)


def test_garbage_in_our_own_topic_stops_loudly() -> None:
    with pytest.raises(InvariantBroken):
        people.decode(b"\xff\xff")
    with pytest.raises(InvariantBroken):
        people.decode(b"")


def test_an_account_is_found_by_what_the_network_calls_it() -> None:
    registry = Registry(MASTER)
    registry.apply(ADA, people.encode(ada(account(BLUESKY, "did:plc:a"))))
    found = registry.find("bluesky", "did:plc:a")
    assert found is not None
    assert (found.person, found.account) == (ADA, KEY.account_hash("bluesky", "did:plc:a", 5))
    assert found.key.secret == KEY.secret
    assert registry.find("x", "did:plc:a") is None
    assert registry.natives("bluesky") == ["did:plc:a"]


def test_the_newest_record_wins_and_a_tombstone_forgets() -> None:
    registry = Registry(MASTER)
    registry.apply(ADA, people.encode(ada(account(BLUESKY, "did:plc:a"))))
    registry.apply(ADA, people.encode(ada(account(BLUESKY, "did:plc:b"), account(X, "7"))))
    assert registry.find("bluesky", "did:plc:a") is None
    assert registry.accounts_of(ADA) == [("bluesky", "did:plc:b"), ("x", "7")]
    version = registry.version
    registry.apply(ADA, None)
    assert registry.version > version
    assert registry.find("x", "7") is None
    assert registry.people() == []
    with pytest.raises(CallerError):
        registry.person(ADA)


def test_another_master_key_is_told_to_the_operator() -> None:
    with pytest.raises(CallerError, match="PRESENCE_MASTER_KEY"):
        Registry(MASTER).add(replace(ada(), master_key_id=7))


def test_our_own_record_come_back_by_the_topic_is_no_change() -> None:
    registry = Registry(MASTER)
    registry.add(ada(account(BLUESKY, "did:plc:a")))
    version = registry.version
    registry.apply(ADA, people.encode(registry.person(ADA)[0]))
    assert registry.version == version


def test_of_two_who_claim_one_account_the_first_holds_it_until_erased() -> None:
    registry = Registry(MASTER)
    other = people.new_person_id()
    claim = replace(
        ada(Account(BLUESKY, KEY.account_hash(BLUESKY, "did:plc:a", 5), KEY.seal(other, "did:plc:a"), 5)),
        id=other,
        sealed_key=MASTER.seal(other, KEY),
    )
    registry.add(ada(account(BLUESKY, "did:plc:a")))
    registry.add(claim)
    for holder in (ADA, other):
        found = registry.find("bluesky", "did:plc:a")
        assert found is not None
        assert found.person == holder
        registry.apply(holder, None)
    assert registry.natives("bluesky") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bluesky",
        "bluesky:",
        ":x",
        "Blue Sky:x",
        "x:" + "y" * 600,
        "bluesky:alice.bsky.social",
        "bluesky:did:plc:",
    ],
)
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(CallerError):
        people.native_account(text)


def test_accounts_and_ids_as_people_write_them() -> None:
    assert people.native_account("bluesky:did:plc:a") == ("bluesky", "did:plc:a")
    assert people.native_account("github:Octocat") == ("github", "octocat"), "as ingest names it"
    assert people.native_account("mastodon:Ada@Mastodon.example") == ("mastodon", "ada@mastodon.example")
    assert people.native_account("blog:https://a.example/Feed") == ("blog", "https://a.example/Feed")
    assert people.person_id(ADA) == ADA
    for wrong in ("", "p_", ADA.upper(), ADA + "a", PersonId("x" + ADA)):
        with pytest.raises(CallerError):
            people.person_id(wrong)
