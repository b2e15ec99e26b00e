"""RosterService: who is scored. Translates to and from protobuf; what may be done decides `presence.roster`."""

import asyncio
from collections.abc import Callable
from typing import Any

from presence.events.errors import CallerError
from presence.events.vocabulary import Network, PersonId, PersonKind
from presence.gateway import refusals, requests
from presence.gateway.calls import Call, Method, Send
from presence.gateway.refusals import Violation, malformed
from presence.gateway.roster_desk import Desk, Open
from presence.gateway.scopes import Scope
from presence.gateway.servicer import ScoreServicer
from presence.roster import people
from presence.roster.enrolment import AccountTaken, AccountUnknown, NewPerson
from presence.roster.people import ConsentBasis, Person, Proof
from presence.roster.proofs import NotProved, Prover
from presence.roster.registry import NotEnrolled
from presence.v1 import event_pb2, roster_pb2, roster_service_pb2

SERVICE = roster_service_pb2.DESCRIPTOR.services_by_name["RosterService"].full_name
_PROOFS = (Proof.VOUCHED, Proof.REL_ME, Proof.PROFILE_CODE)
GONE_S = 5.0
"""How long an erasure waits for this gateway to know nothing of the person any more."""


class RosterServicer:
    """Answers from the desk."""

    def __init__(self, desk: Desk, scores: ScoreServicer) -> None:
        self._desk = desk
        self._scores = scores

    def methods(self) -> tuple[Method, ...]:
        """What this service answers, and to whom."""
        rows: tuple[tuple[str, Any, Any, Any], ...] = (
            ("EnrolPerson", roster_service_pb2.EnrolPersonRequest, _nobody, self.enrol),
            ("GetPerson", roster_service_pb2.GetPersonRequest, _person, self.get),
            ("ListPeople", roster_service_pb2.ListPeopleRequest, _nobody, self.list),
            ("LinkAccount", roster_service_pb2.LinkAccountRequest, _person, self.link),
            ("UnlinkAccount", roster_service_pb2.UnlinkAccountRequest, _person, self.unlink),
            ("ErasePerson", roster_service_pb2.ErasePersonRequest, _person, self.erase),
        )
        unary = (
            Method(
                name=name, request=request, scope=Scope.ROSTER_WRITE, people=about, unary=answer, audited=True
            )
            for name, request, about, answer in rows
        )
        export = Method(
            name="ExportPerson",
            request=roster_service_pb2.ExportPersonRequest,
            scope=Scope.ROSTER_WRITE,
            people=_person,
            stream=self.export,
            audited=True,
        )
        return (*unary, export)

    async def enrol(self, request: roster_service_pb2.EnrolPersonRequest, _call: Call) -> bytes:
        """A serialised EnrolPersonResponse."""
        network, native = _account(request)
        if not request.consent:
            raise malformed([Violation("consent", "must be true: nobody is scored who did not agree")])
        try:
            kind = PersonKind(request.kind) or PersonKind.PERSON
        except ValueError as error:
            raise malformed([Violation("kind", "must be a PersonKind")]) from error
        newcomer = NewPerson(kind, network, native, ConsentBasis.GRANTED, Proof.VOUCHED)

        def work(opened: Open) -> roster_service_pb2.RosterEntry:
            (person,) = opened.enrolment.enrol([newcomer])
            return _entry(opened, person)

        entry = await self._asked(work, network=network)
        return roster_service_pb2.EnrolPersonResponse(entry=entry).SerializeToString()

    async def get(self, request: roster_service_pb2.GetPersonRequest, _call: Call) -> bytes:
        """A serialised GetPersonResponse."""
        person = requests.person("person", request.person)
        entry = await self._asked(lambda opened: _entry(opened, person), person)
        return roster_service_pb2.GetPersonResponse(entry=entry).SerializeToString()

    async def list(self, request: roster_service_pb2.ListPeopleRequest, _call: Call) -> bytes:
        """A serialised ListPeopleResponse; a page token is the last id of the page before."""
        size = requests.page_size("page_size", request.page_size)
        after = requests.person("page_token", request.page_token) if request.page_token else ""

        def work(opened: Open) -> roster_service_pb2.ListPeopleResponse:
            everybody = sorted(opened.registry.people(), key=lambda each: each.id)
            rest = [each for each in everybody if each.id > after]
            return roster_service_pb2.ListPeopleResponse(
                entries=[_public(each) for each in rest[:size]],
                next_page_token=rest[size - 1].id if len(rest) > size else "",
                total_size=len(everybody),
            )

        answer: roster_service_pb2.ListPeopleResponse = await self._asked(work)
        return answer.SerializeToString()

    async def link(self, request: roster_service_pb2.LinkAccountRequest, call: Call) -> bytes:
        """A serialised LinkAccountResponse."""
        person = requests.person("person", request.person)
        network, native = _account(request)
        proof = next((each for each in _PROOFS if int(each) == int(request.proof)), None)
        if proof is None:
            raise malformed([Violation("proof", "must be VOUCHED, REL_ME or PROFILE_CODE")])
        if proof == Proof.VOUCHED:
            if Scope.ROSTER_WRITE not in call.caller.scopes:
                raise refusals.scope_missing(Scope.ROSTER_WRITE.value)
        else:
            code = await self._asked(
                lambda opened: opened.registry.person(person)[1].proof_code(network, native), person
            )
            try:
                await asyncio.to_thread(Prover().prove, proof, network, native, code)
            except CallerError as error:
                why = str(error) if isinstance(error, NotProved) else f"it cannot be proved so: {error}"
                raise refusals.not_proved(why, code) from error

        def work(opened: Open) -> roster_service_pb2.RosterEntry:
            opened.enrolment.link(person, network, native, proof)
            return _entry(opened, person)

        entry = await self._asked(work, person, network)
        return roster_service_pb2.LinkAccountResponse(entry=entry).SerializeToString()

    async def unlink(self, request: roster_service_pb2.UnlinkAccountRequest, _call: Call) -> bytes:
        """A serialised UnlinkAccountResponse."""
        person = requests.person("person", request.person)
        network, native = _account(request)

        def work(opened: Open) -> roster_service_pb2.RosterEntry:
            opened.enrolment.unlink(person, network, native)
            return _entry(opened, person)

        entry = await self._asked(work, person, network)
        return roster_service_pb2.UnlinkAccountResponse(entry=entry).SerializeToString()

    async def export(self, request: roster_service_pb2.ExportPersonRequest, call: Call, send: Send) -> None:
        """Send serialised ExportPersonResponses."""
        person = requests.person("person", request.person)
        try:
            async for piece in self._desk.export(person):
                call.check_expiry(call.caller)
                await send(roster_service_pb2.ExportPersonResponse(data=piece).SerializeToString())
        except NotEnrolled as error:
            raise refusals.not_enrolled(person) from error

    async def erase(self, request: roster_service_pb2.ErasePersonRequest, call: Call) -> bytes:
        """A serialised ErasePersonResponse."""
        person = requests.person("person", request.person)
        await self._asked(lambda opened: opened.enrolment.erase([person]), person)
        gone = await self._scores.gone(person, GONE_S, call)
        return roster_service_pb2.ErasePersonResponse(gone=gone).SerializeToString()

    async def _asked(
        self, work: Callable[[Open], Any], person: PersonId | None = None, network: str = ""
    ) -> Any:
        """What the desk answers, its errors as refusals."""
        try:
            return await self._desk.ask(work)
        except NotEnrolled as error:
            raise refusals.not_enrolled(person or PersonId("")) from error
        except AccountTaken as error:
            raise refusals.account_taken(network) from error
        except AccountUnknown as error:
            raise refusals.account_unknown(network) from error


def _person(request: Any) -> tuple[str]:
    return (request.person,)


def _nobody(_request: Any) -> tuple[()]:
    """Nobody in particular."""
    return ()


def _account(request: Any) -> tuple[Network, str]:
    """Raises Refused if a request names no account."""
    try:
        return people.native_account(f"{request.network}:{request.account}")
    except CallerError as error:
        raise malformed([Violation("account", str(error))]) from error


def _public(person: Person) -> roster_service_pb2.RosterEntry:
    return roster_service_pb2.RosterEntry(
        person=person.id,
        kind=event_pb2.PersonKind.ValueType(person.kind),
        consent=roster_pb2.Consent(
            granted_ms=person.granted_ms,
            basis=roster_pb2.ConsentBasis.ValueType(person.basis),
            terms=person.terms,
        ),
    )


def _entry(opened: Open, person_id: PersonId) -> roster_service_pb2.RosterEntry:
    """With the accounts in clear. Raises NotEnrolled."""
    person, _ = opened.registry.person(person_id)
    entry = _public(person)
    for account, (network, native) in zip(
        person.accounts, opened.registry.accounts_of(person_id), strict=True
    ):
        entry.accounts.add(
            network=network,
            id=native,
            proof=roster_pb2.ProofKind.ValueType(account.proof),
            linked_ms=account.linked_ms,
            proved_ms=account.proved_ms,
        )
    return entry
