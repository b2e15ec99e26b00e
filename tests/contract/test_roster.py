"""RosterService over a socket: who may do what, what it answers, and what it says to everything that is wrong."""

import io
import itertools
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.contract.conftest import Gateway, Scores
from tests.contract.waiting import eventually

from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.roster.keys import MasterKey
from presence.v1 import event_pb2, roster_pb2
from presence.v1 import roster_service_pb2 as pb
from presence.v1.roster_service_pb2_grpc import RosterServiceStub
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import BatchGetScoresRequest


@pytest.fixture(scope="module")
def served(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Scores]]:
    """One gateway for all tests here, with the master key."""
    namespace = f"t{uuid.uuid4().hex[:7]}"
    settings = Settings(kafka=kafka, namespace=namespace, data=tmp_path_factory.mktemp("gateway"))
    MasterKey.load(settings)
    scores, gateway = Scores(settings), Gateway(settings)
    gateway.start()
    gateway.wait_until_serving()
    yield gateway, scores
    gateway.kill()
    scores.close()


@pytest.fixture
def roster(served: tuple[Gateway, Scores]) -> RosterServiceStub:
    stub: RosterServiceStub = RosterServiceStub(served[0].channel)
    return stub


_accounts = itertools.count()


def account() -> str:
    """One that no other test has."""
    return f"did:plc:{next(_accounts)}"


def enrol(roster: RosterServiceStub, native: str, network: str = "bluesky") -> str:
    request = pb.EnrolPersonRequest(network=network, account=native, consent=True)
    return roster.EnrolPerson(request).entry.person


def answered(call: Any, request: Any, **options: Any) -> None:
    answer = call(request, **options)
    if hasattr(answer, "__next__"):
        list(answer)


def refused(call: Any, request: Any, **options: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """The status, the reason and the metadata of a call that must fail."""
    with pytest.raises(grpc.RpcError) as error:
        answered(call, request, **options)
    status = rpc_status.from_call(error.value)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return error.value.code(), info.reason, dict(info.metadata)


def scored(gateway: Any, *people: str) -> list[str]:
    found = gateway.scores.BatchGetScores(BatchGetScoresRequest(people=people))
    return [each.person for each in found.scores]


def test_a_life_in_the_roster(roster: RosterServiceStub) -> None:
    native = account()
    ada = enrol(roster, native)
    entry = roster.GetPerson(pb.GetPersonRequest(person=ada)).entry
    assert (entry.kind, entry.consent.basis) == (
        event_pb2.PERSON_KIND_PERSON,
        roster_pb2.CONSENT_BASIS_GRANTED,
    )
    assert [(each.network, each.id, each.proof) for each in entry.accounts] == [
        ("bluesky", native, roster_pb2.PROOF_KIND_VOUCHED)
    ]
    link = pb.LinkAccountRequest(person=ada, network="x", account="7", proof=roster_pb2.PROOF_KIND_VOUCHED)
    linked = roster.LinkAccount(link).entry.accounts
    assert [each.network for each in linked] == ["bluesky", "x"]
    assert linked[1].proved_ms >= linked[1].linked_ms > 0
    unlink = pb.UnlinkAccountRequest(person=ada, network="x", account="7")
    assert [each.network for each in roster.UnlinkAccount(unlink).entry.accounts] == ["bluesky"]
    assert refused(roster.UnlinkAccount, unlink)[:2] == (grpc.StatusCode.NOT_FOUND, "ACCOUNT_UNKNOWN")

    data = b"".join(each.data for each in roster.ExportPerson(pb.ExportPersonRequest(person=ada)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("roster.json"))["accounts"][0]["id"] == native
        kinds = [json.loads(line)["kind"] for line in archive.read("events.jsonl").splitlines()]
    assert kinds == ["enrolled", "unlinked"]

    assert roster.ErasePerson(pb.ErasePersonRequest(person=ada)).gone
    for call, request in (
        (roster.GetPerson, pb.GetPersonRequest(person=ada)),
        (roster.ErasePerson, pb.ErasePersonRequest(person=ada)),
        (roster.LinkAccount, link),
        (roster.UnlinkAccount, unlink),
        (roster.ExportPerson, pb.ExportPersonRequest(person=ada)),
    ):
        assert refused(call, request) == (grpc.StatusCode.NOT_FOUND, "PERSON_UNKNOWN", {"person": ada})
    assert enrol(roster, native) != ada


def test_an_erasure_waits_until_the_score_is_gone(
    roster: RosterServiceStub, served: tuple[Gateway, Scores]
) -> None:
    gateway, scores = served
    ada = enrol(roster, account())
    score = Score(person=ada, presence_millipoints=1, revision=encode(Revision(0, 1)))
    scores.write(ada, score.SerializeToString())
    eventually(lambda: ada in scored(gateway, ada))
    assert not roster.ErasePerson(pb.ErasePersonRequest(person=ada)).gone, (
        "there is no scoring to take it back"
    )
    scores.write(ada, None)
    eventually(lambda: ada not in scored(gateway, ada))


def test_everybody_page_by_page(roster: RosterServiceStub) -> None:
    people = {enrol(roster, account(), "x") for _ in range(5)}
    total = roster.ListPeople(pb.ListPeopleRequest()).total_size
    found: list[str] = []
    token = ""
    while True:
        page = roster.ListPeople(pb.ListPeopleRequest(page_size=2, page_token=token))
        assert page.total_size == total
        assert not [each for entry in page.entries for each in entry.accounts]
        found += [each.person for each in page.entries]
        if not (token := page.next_page_token):
            break
    assert found == sorted(set(found))
    assert len(found) == total
    assert people <= set(found)


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("EnrolPerson", pb.EnrolPersonRequest(network="x", account="1"), "consent"),
        (
            "EnrolPerson",
            pb.EnrolPersonRequest(network="bluesky", account="ada.example", consent=True),
            "account",
        ),
        ("EnrolPerson", pb.EnrolPersonRequest(consent=True), "account"),
        ("GetPerson", pb.GetPersonRequest(person="ada"), "person"),
        ("ListPeople", pb.ListPeopleRequest(page_size=-1), "page_size"),
        ("LinkAccount", pb.LinkAccountRequest(person="p_" + "a" * 26, network="x", account="1"), "proof"),
        ("ErasePerson", pb.ErasePersonRequest(), "person"),
        ("ExportPerson", pb.ExportPersonRequest(person="*"), "person"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(
    roster: RosterServiceStub, method: str, request_: Any, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        answered(getattr(roster, method), request_)
    status = rpc_status.from_call(error.value)
    bad = error_details_pb2.BadRequest()
    assert status is not None
    assert any(each.Unpack(bad) for each in status.details)
    assert [each.field for each in bad.field_violations] == [field]


def test_an_account_is_one_persons_and_a_proof_is_looked_at(roster: RosterServiceStub) -> None:
    native = account()
    ada, bo = enrol(roster, native), enrol(roster, account())
    taken = pb.LinkAccountRequest(
        person=bo, network="bluesky", account=native, proof=roster_pb2.PROOF_KIND_VOUCHED
    )
    assert refused(roster.LinkAccount, taken) == (
        grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_TAKEN", {"network": "bluesky"}
    )  # fmt: skip
    page = pb.LinkAccountRequest(
        person=ada, network="other", account="http://127.0.0.1:9/ada", proof=roster_pb2.PROOF_KIND_REL_ME
    )
    code, reason, metadata = refused(roster.LinkAccount, page)
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_PROVED")
    assert len(metadata["code"]) == 26
    assert len(roster.GetPerson(pb.GetPersonRequest(person=ada)).entry.accounts) == 1
