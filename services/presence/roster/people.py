"""A record of the roster: its frozen form, its bytes, and how an id looks."""

import base64
import re
import secrets
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.message import DecodeError

from presence.events.errors import CallerError, InvariantBroken
from presence.events.vocabulary import AccountHash, Network, PersonId, PersonKind
from presence.v1 import event_pb2, roster_pb2

TERMS = "2026-11-23"
"""The version of the terms that an enrolment agrees to today."""
NATIVE_CHARS_MAX = 512
_PERSON_ID = re.compile(r"p_[a-z2-7]{26}")
_NETWORK = re.compile(r"[a-z0-9_-]{1,32}")
_NATIVE = {
    "bluesky": (re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+"), "a DID such as did:plc:..., not a handle")
}
"""What an account's id looks like where only one of its names never changes."""
_CASELESS = frozenset({"github", "mastodon"})
"""Where case does not tell accounts apart: `Octocat` is `octocat`, which is how ingest names it."""


class ConsentBasis(IntEnum):
    """Why somebody is scored; the numbers are those of roster.proto."""

    GRANTED = 1
    DEMONSTRATION = 2


class Proof(IntEnum):
    """What shows that an account is the person's; the numbers are those of roster.proto."""

    NONE = 0
    VOUCHED = 1
    REL_ME = 2
    PROFILE_CODE = 3
    OAUTH = 4


@dataclass(frozen=True, slots=True)
class Account:
    """One linked account; its native id can be read only with the person's key."""

    network: Network
    account: AccountHash
    sealed_native: bytes
    linked_ms: int
    proof: Proof = Proof.NONE
    proved_ms: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person or business."""

    id: PersonId
    kind: PersonKind
    basis: ConsentBasis
    granted_ms: int
    terms: str
    sealed_key: bytes
    master_key_id: int
    accounts: tuple[Account, ...] = ()


def new_person_id() -> PersonId:
    """128 random bits as `p_` and 26 characters of [a-z2-7]: it tells nothing of who it is."""
    return PersonId("p_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower())


def person_id(text: str) -> PersonId:
    """`text`, if it is a person's id. Raises CallerError if not."""
    if not _PERSON_ID.fullmatch(text):
        raise CallerError(f"{text!r} is no person's id: it is p_ and 26 characters of a-z and 2-7")
    return PersonId(text)


def native_account(text: str) -> tuple[Network, str]:
    """The network and native id of `network:native id`. Raises CallerError if it is not of that form."""
    network, _, native = text.partition(":")
    if not _NETWORK.fullmatch(network) or not 0 < len(native) <= NATIVE_CHARS_MAX:
        raise CallerError(f"{text!r} is no account: write network:id, such as bluesky:did:plc:...")
    form, words = _NATIVE.get(network, (re.compile(".*"), ""))
    if not form.fullmatch(native):
        raise CallerError(f"an account on {network} is {words}")
    return Network(network), native.lower() if network in _CASELESS else native


def encode(person: Person) -> bytes:
    """The roster record of `person`."""
    message = roster_pb2.Person(
        person=person.id,
        kind=event_pb2.PersonKind.ValueType(person.kind),
        consent=roster_pb2.Consent(
            granted_ms=person.granted_ms,
            basis=roster_pb2.ConsentBasis.ValueType(person.basis),
            terms=person.terms,
        ),
        accounts=[
            roster_pb2.Account(
                network=each.network,
                account=each.account,
                sealed_native_id=each.sealed_native,
                linked_ms=each.linked_ms,
                proof=roster_pb2.ProofKind.ValueType(each.proof),
                proved_ms=each.proved_ms,
            )
            for each in person.accounts
        ],
        sealed_key=person.sealed_key,
        master_key_id=person.master_key_id,
    )
    return message.SerializeToString(deterministic=True)


def decode(value: bytes) -> Person:
    """The person of a roster record. Raises InvariantBroken: only we write there."""
    try:
        message = roster_pb2.Person.FromString(value)
        return Person(
            id=PersonId(message.person),
            kind=PersonKind(message.kind),
            basis=ConsentBasis(message.consent.basis),
            granted_ms=message.consent.granted_ms,
            terms=message.consent.terms,
            sealed_key=message.sealed_key,
            master_key_id=message.master_key_id,
            accounts=tuple(
                Account(
                    Network(each.network),
                    AccountHash(each.account),
                    each.sealed_native_id,
                    each.linked_ms,
                    Proof(each.proof),
                    each.proved_ms,
                )
                for each in message.accounts
            ),
        )
    except (DecodeError, ValueError) as error:
        raise InvariantBroken("a roster record cannot be read") from error
