"""Builds an import from its settings: of an export into the log, or into a file without any broker."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from presence.conduct.moderator import load
from presence.events.errors import CallerError
from presence.events.vocabulary import PersonId
from presence.ingest.acts import Decoded, Decoder
from presence.ingest.address import Addressing
from presence.ingest.bootstrap import caught_up, logged
from presence.ingest.cursor import Checkpoint, CursorStore, Trail
from presence.ingest.exports.export import Export
from presence.ingest.exports.importer import Importer
from presence.ingest.exports.source import OTHER_FILE, ExportSource
from presence.ingest.frames import Frame
from presence.ingest.lock import exclusive
from presence.ingest.network import KnownNetwork, known
from presence.ingest.received import ReceivedIndex
from presence.ingest.recent import Recent
from presence.ingest.rehearsal import LinesOutlet, NoCursors, OneEnrolled
from presence.ingest.runner import Runner
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.follower import Follower
from presence.roster.people import native_account, person_id
from presence.roster.registry import Linked

SOMEBODY = "me"
"""The account in a rehearsal of an export that names none."""
IMPORTED_BEFORE = "imported_before"
"""Why the items up to a saved position are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What is imported, and for whom. `account`: which of the person's, if there are several.

    `again`: from the beginning, also what the log has of an earlier import of the same export for the same account.
    """

    network: str
    path: Path
    person: str
    account: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Import:
    """One that is ready to run, with its export."""

    runner: Runner
    source: ExportSource
    importer: Importer

    def result(self) -> dict[str, Any]:
        """The counts of the whole export as plain JSON.

        `read` = `events` + `undo` + `gauges` + `flags` + all of `skipped` + `dlq`: each item counts once, by the most that it gave
        (an activity before an undo before a gauge before a flag). `records` are those that were written, of which one item can
        make several; `dlq_reasons` adds up to `dlq`. `declared` is there if the export says how many items it has:
        by kind what it says and what was read.
        """
        counts, declared = self.runner.counts, self.importer.declared(self.source.export)
        result = {
            "read": counts.read,
            **{kind: counts.gave[kind] for kind in ("events", "undo", "gauges", "flags")},
            "skipped": dict(counts.skipped),
            "dlq": counts.dlq,
            "dlq_reasons": dict(counts.reasons),
            "records": {
                "events": counts.events,
                "undo": counts.undo,
                "gauges": counts.gauges,
                "flags": counts.flags,
            },
        }
        if declared:
            result["declared"] = {
                kind: {"says": says, "read": self.source.kinds[kind]} for kind, says in declared.items()
            }
        return result


@contextmanager
def rehearsed(options: ImportOptions, out: TextIO | None) -> Iterator[Import]:
    """An import that needs no broker and writes events as lines to `out`. Raises CallerError if the export is none."""
    network, importer = _importer(options.network)
    with Export(options.path) as export, TemporaryDirectory() as folder, ExitStack() as stack:
        account = _named(network, options) or importer.owner(export) or SOMEBODY
        roster = OneEnrolled(PersonId(options.person), network.name, account)
        received = ReceivedIndex(Path(folder))
        stack.callback(received.close)
        source = ExportSource(export, importer, "rehearsal")
        stack.callback(source.close)
        runner = Runner(
            source=source,
            decode=_decoder(importer, account),
            follower=roster,
            addressing=Addressing(network.name, roster.registry, received, load()),
            received=received,
            delivery=LinesOutlet(out),
            recent=Recent(),
            store=NoCursors(),
            trail=Trail(Checkpoint(None, {}), source.overlap),
        )
        yield Import(runner, source, importer)


@contextmanager
def imported(settings: Settings, options: ImportOptions) -> Iterator[Import]:
    """An import into the log. It goes on where one of the same export for the same account was killed, or had ended.

    Raises CallerError if the export is none, is of an account that is not the person's, or another import of the
    network is at work in this data folder; SourceUnavailable if no broker answers.
    """
    person = person_id(options.person)
    network, importer = _importer(options.network)
    folder = settings.data / "ingest" / network.name
    with Export(options.path) as export, ExitStack() as stack:
        stack.enter_context(exclusive(folder / "imports"))
        ensure_topics(settings)
        follower = caught_up(settings, stack)
        account = _account(follower, person, network, _named(network, options) or importer.owner(export))
        linked = follower.registry.find(network.name, account)
        assert linked is not None
        source = ExportSource(export, importer, label(export.fingerprint(), linked))
        stack.callback(source.close)
        cursors = folder / "imports" / settings.namespace
        if options.again:
            store = CursorStore(cursors)
            store.forget(source.label)
            store.close()
        runner = logged(
            settings,
            stack,
            network=network.name,
            cursors=cursors,
            source=source,
            decode=_decoder(importer, account),
            follower=follower,
        )
        runner.forgets = False
        runner.counts.read = source.skipped
        if source.skipped:
            runner.counts.skipped[IMPORTED_BEFORE] = source.skipped
        yield Import(runner, source, importer)


def label(fingerprint: str, linked: Linked) -> str:
    """Names the saved position of an export: of one person and one linking, so that it goes when they do."""
    return f"export:{fingerprint}:{linked.person}:{linked.account:016x}"


def _importer(name: str) -> tuple[KnownNetwork, Importer]:
    network = known(name)
    if network.importer is None:
        raise CallerError(f"{network.title} has no export that can be imported")
    return network, network.importer


def _decoder(importer: Importer, account: str) -> Decoder:
    def decode(frame: Frame, observed_ms: int) -> Decoded:
        if frame.kind == OTHER_FILE:
            return Decoded(skipped=OTHER_FILE)
        return importer.decode(frame, account, observed_ms)

    return decode


def _account(follower: Follower, person: PersonId, network: KnownNetwork, named: str) -> str:
    """The account that the export is of: `named`, or else the only one that the person has on the network."""
    follower.registry.person(person)
    linked = [native for on, native in follower.registry.accounts_of(person) if on == network.name]
    if named and named not in linked:
        raise CallerError(
            f"the account of this export is not linked to {person}: "
            f"`presence roster link {person} {network.name}:{named}` links it"
        )
    if not named and len(linked) != 1:
        raise CallerError(
            f"{person} has {len(linked) or 'no'} accounts on {network.title}, and the export does not say which it is of: "
            + (
                "--account names it"
                if linked
                else f"`presence roster link {person} {network.name}:...` links one"
            )
        )
    return named or linked[0]


def _named(network: KnownNetwork, options: ImportOptions) -> str:
    """The account that was named, as the roster has it; empty if none was."""
    return native_account(f"{network.name}:{options.account}")[1] if options.account else ""
