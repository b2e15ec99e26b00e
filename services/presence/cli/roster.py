"""`presence roster`: who is scored, and which accounts are theirs."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from presence.cli import erasure
from presence.cli.context import settings
from presence.events.errors import CallerError
from presence.events.vocabulary import PersonId, PersonKind
from presence.ingest.departures import forget_on_this_machine
from presence.log.kafka import ensure_topics
from presence.roster import people
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.export import stream
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.oauth import Asked, Device
from presence.roster.people import ConsentBasis, Person, Proof
from presence.roster.proofs import Prover
from presence.roster.registry import Registry

app = typer.Typer(
    no_args_is_help=True, help="Who is scored: enrol people and businesses, link their accounts."
)

AS_JSON = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
ACCOUNT = Annotated[str, typer.Option("--account", help="network:id, such as bluesky:did:plc:...")]
PERSON = Annotated[str, typer.Argument(help="Pseudonymous id: p_ and 26 characters.")]

CONSENT = """\
Presence will keep, for the account given: which public acts there were by and to it, when, by whom as a
pseudonym; never text, names or handles. All of it becomes unreadable when the person's key is erased.
Has the person agreed to that?"""


ERASURE = """\
{person}: the key is destroyed, and with it everything that the log holds of this person can no longer be
read or linked to anybody; accounts, score and history go. This cannot be undone. Erase?"""


@app.command()
def enrol(
    account: ACCOUNT,
    kind: Annotated[str, typer.Option(help="person or business")] = "person",
    consent: Annotated[bool, typer.Option("--consent", help="The person has agreed; do not ask.")] = False,
    as_json: AS_JSON = False,
) -> None:
    """Enrol a person or business who agreed to it, with one account."""
    network, native = people.native_account(account)
    wanted = _kind(kind)
    if not consent:
        typer.confirm(CONSENT, abort=True, err=True)
    with _roster() as (follower, enrolment):
        newcomer = NewPerson(wanted, network, native, ConsentBasis.GRANTED, Proof.VOUCHED)
        person_id = enrolment.enrol([newcomer])[0]
        person, _ = follower.registry.person(person_id)
    _say(_public(person), as_json, f"enrolled as {person_id}")


PROOFS = {"vouch": Proof.VOUCHED, "rel-me": Proof.REL_ME, "code": Proof.PROFILE_CODE, "oauth": Proof.OAUTH}


@app.command()
def code(person: PERSON, account: ACCOUNT, as_json: AS_JSON = False) -> None:
    """What an account has to show to be proved to be the person's; nothing is stored."""
    person_id = people.person_id(person)
    network, native = people.native_account(account)
    with _roster() as (follower, _):
        shown = follower.registry.person(person_id)[1].proof_code(network, native)
    _say({"person": person_id, "network": network, "code": shown}, as_json, shown)


@app.command()
def link(
    person: PERSON,
    account: ACCOUNT,
    proof: Annotated[
        str,
        typer.Option(
            help="How it is shown that the account is theirs: vouch (you say so), rel-me (a link of its page with the "
            "code in its address) or code (in its public profile); `presence roster code` tells the code. Or oauth: the "
            "holder enters a code at the network's own page (GitHub)."
        ),
    ] = "vouch",
    as_json: AS_JSON = False,
) -> None:
    """Link one more account to somebody who is enrolled, or note a new proof of one that is."""
    person_id = people.person_id(person)
    network, native = people.native_account(account)
    if proof not in PROOFS:
        raise CallerError(f"a proof is {', '.join(PROOFS)}, not {proof!r}")
    with _roster() as (follower, enrolment):
        key = follower.registry.person(person_id)[1]
        if PROOFS[proof] == Proof.OAUTH:
            device = Device(os.environ.get(f"PRESENCE_{network.upper()}_OAUTH_CLIENT", ""))
            device.prove(network, native, _tell)
        elif PROOFS[proof] != Proof.VOUCHED:
            Prover().prove(PROOFS[proof], network, native, key.proof_code(network, native))
        enrolment.link(person_id, network, native, PROOFS[proof])
        found, _ = follower.registry.person(person_id)
    _say(_public(found), as_json, f"linked a {network} account to {person_id}")


def _tell(asked: Asked) -> None:
    minutes = asked.expires_s // 60
    Console(stderr=True).print(
        f"The holder enters [bold]{asked.user_code}[/bold] at {asked.uri} within {minutes} minutes."
    )


@app.command()
def unlink(person: PERSON, account: ACCOUNT, as_json: AS_JSON = False) -> None:
    """Take an account out, at once and for good, with all that it counts for.

    Linked again it starts anew; what it did before counts again only if its export is imported.
    """
    person_id = people.person_id(person)
    network, native = people.native_account(account)
    with _roster() as (follower, enrolment):
        enrolment.unlink(person_id, network, native)
        forget_on_this_machine(settings(), follower)
        found, _ = follower.registry.person(person_id)
    _say(_public(found), as_json, f"unlinked a {network} account from {person_id}")


@app.command()
def export(
    person: PERSON,
    out: Annotated[Path, typer.Option("--out", help="The zip to write; it must not be there yet.")],
) -> None:
    """Everything that is known of somebody, readable, in one zip; needs the master key."""
    person_id = people.person_id(person)
    with _roster() as (follower, _), _progress() as progress:
        task = progress.add_task("reading the log", total=None)
        pieces = stream(
            settings(),
            follower.registry,
            person_id,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
        try:
            with out.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise CallerError(f"{out} cannot be written: {error.strerror}") from error
    print(out)


@app.command()
def erase(  # noqa: PLR0917 (typer calls it by name)
    person: PERSON,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Erase nothing: search everything for what is left of the person."),
    ] = False,
    trace: Annotated[
        list[str] | None,
        typer.Option(
            help="With --verify: an account id, handle or link to search for as well; may be repeated."
        ),
    ] = None,
    after_compaction: Annotated[
        bool,
        typer.Option(
            "--after-compaction", help="With --verify: what waits for Kafka's compaction is left, too."
        ),
    ] = False,
    as_json: AS_JSON = False,
) -> None:
    """Forget somebody for good: key, accounts, score, history. Nobody can undo it.

    Exit code of --verify: 1 if anything was found that must not be there.
    """
    person_id = people.person_id(person)
    found = settings()
    if verify:
        told = erasure.search(found, person_id, trace or (), as_json=as_json)
        raise typer.Exit(1 if told.is_left(after_compaction=after_compaction) else 0)
    if not yes:
        typer.confirm(ERASURE.format(person=person_id), abort=True, err=True)
    with _roster() as (follower, enrolment):
        erasure.erase(found, person_id, follower, enrolment, as_json=as_json)


@app.command("list")
def list_people(as_json: AS_JSON = False) -> None:
    """Everybody who is enrolled, by pseudonym; no account is shown."""
    with _roster() as (follower, _):
        everybody = follower.registry.people()
    if as_json:
        for person in everybody:
            print(json.dumps(_public(person)))
        return
    table = Table("person", "kind", "enrolled", "accounts", box=None)
    for person in everybody:
        networks = ", ".join(each.network for each in person.accounts)
        table.add_row(person.id, person.kind.name.lower(), _date(person.granted_ms), networks)
    Console().print(table)


@app.command()
def show(person: PERSON, as_json: AS_JSON = False) -> None:
    """One person's entry with the accounts in clear; needs the master key."""
    person_id = people.person_id(person)
    with _roster() as (follower, _):
        found = _opened(follower.registry, person_id)
    _say(found, as_json, "\n".join(f"{name}: {value}" for name, value in found.items()))


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def _roster() -> Iterator[tuple[Follower, Enrolment]]:
    found = settings()
    ensure_topics(found)
    master = MasterKey.load(found)
    follower = Follower(found, master)
    enrolment = Enrolment(found, master, follower)
    try:
        follower.catch_up()
        yield follower, enrolment
    finally:
        enrolment.close()
        follower.close()


def _kind(text: str) -> PersonKind:
    try:
        return PersonKind.parse(text)
    except ValueError as error:
        raise CallerError(f"a kind is person or business, not {text!r}") from error


def _public(person: Person) -> dict[str, Any]:
    return {
        "person": person.id,
        "kind": person.kind.name.lower(),
        "consent": {
            "basis": person.basis.name.lower(),
            "terms": person.terms,
            "granted_ms": person.granted_ms,
        },
        "accounts": [{"network": each.network, "account": each.account} for each in person.accounts],
    }


def _opened(registry: Registry, person_id: PersonId) -> dict[str, Any]:
    person, _ = registry.person(person_id)
    natives = registry.accounts_of(person_id)
    return _public(person) | {"accounts": [f"{network}:{native}" for network, native in natives]}


def _say(found: dict[str, Any], as_json: bool, text: str) -> None:
    print(json.dumps(found) if as_json else text)


def _date(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()
