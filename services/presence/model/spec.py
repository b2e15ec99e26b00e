"""What a model file says, typed and checked. Every number that a score depends on is in that file."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec
from msgspec import Meta

from presence.events.errors import CallerError
from presence.events.vocabulary import Direction, Gauge, Object, Verb

PACKAGED = Path(__file__).with_name("presence-1.toml")
PILLARS = ("reach", "resonance", "expertise", "voice", "upkeep", "inbound")
"""In the order in which they are shown everywhere."""
FILE_BYTES_MAX = 1_000_000

Days = Annotated[int, Meta(ge=1, le=3_650)]
Weight = Annotated[int, Meta(ge=0, le=100_000)]
Thousandths = Annotated[int, Meta(ge=0, le=1_000)]
FullAt = Annotated[int, Meta(ge=1, le=1_000_000)]
FullAtReach = Annotated[int, Meta(ge=1, le=10**12)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Millipoints = Annotated[int, Meta(ge=0, le=100_000)]
Micro = Annotated[int, Meta(ge=0, le=1_000_000)]
MicroNats = Annotated[int, Meta(ge=0, le=100_000_000)]
Positive = Annotated[int, Meta(ge=1, le=10**9)]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$")]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the model file: what is missing, unknown or out of range is refused by key."""


class Act(_Part, frozen=True):
    """Acts that a signal counts: no object means any, no `in_reply_to_other` means both."""

    verb: str
    object: str | None = None
    in_reply_to_other: bool | None = None


class Signal(_Part, frozen=True):
    """A kind of evidence. `code` is how the state stores it, so a code never changes its meaning."""

    code: Annotated[int, Meta(ge=1, le=31)]
    direction: Literal["by", "to"]
    saturates_per: Literal["week", "actor", "none"]
    acts: list[Act]
    stars_to: str | None = None

    @property
    def toward(self) -> Direction:
        return Direction.parse(self.direction)


class Pillar(_Part, frozen=True):
    """A weighted sum of signals, full at `full_at` nats (missing: the network's)."""

    half_life_days: Days
    weights: dict[str, Weight]
    full_at: FullAt | None = None


class PillarTable(_Part, frozen=True):
    voice: Pillar
    expertise: Pillar
    resonance: Pillar
    inbound: Pillar
    generosity: Pillar

    def items(self) -> Iterator[tuple[str, Pillar]]:
        return ((name, getattr(self, name)) for name in self.__struct_fields__)


class Reach(_Part, frozen=True):
    gauges: list[str]
    signal: str


class Upkeep(_Part, frozen=True):
    half_life_days: Days
    stale_thousandths: Thousandths
    fresh_thousandths: Thousandths
    completeness_default: Percent
    signals: list[str]


class NetworkSpec(_Part, frozen=True):
    """`reach_full_at` in followers, `resonance_full_at` in nats, `credibility` in thousandths."""

    resonance_full_at: FullAt
    reach_full_at: FullAtReach
    credibility: Thousandths


class PillarPercent(_Part, frozen=True):
    reach: Percent
    resonance: Percent
    expertise: Percent
    voice: Percent
    upkeep: Percent
    inbound: Percent


class KindSpec(_Part, frozen=True):
    percent: PillarPercent
    reviews_max: Millipoints


class Kinds(_Part, frozen=True):
    person: KindSpec
    business: KindSpec


class Reviews(_Part, frozen=True):
    signal: str
    stars_signal: str
    half_life_days: Days
    prior_count: Positive
    prior_stars: Annotated[int, Meta(ge=0, le=5_000)]
    stars_span: Annotated[int, Meta(ge=1, le=5_000)]
    rating_count_max: Positive


class Associates(_Part, frozen=True):
    mean_neutral: Millipoints
    gain: Millipoints
    evidence_prior: Positive
    number_prior: Annotated[int, Meta(ge=0, le=1_000_000)]
    millipoints_max: Millipoints


class Conduct(_Part, frozen=True):
    half_life_days: Days
    factor_min: Micro
    minor: MicroNats
    serious: MicroNats
    severe: MicroNats


class Visibility(_Part, frozen=True):
    reach: Annotated[int, Meta(ge=0, le=10)]
    resonance: Annotated[int, Meta(ge=0, le=10)]
    voice: Annotated[int, Meta(ge=0, le=10)]


class Evidence(_Part, frozen=True):
    half_life_days: Days
    row_max: Positive
    without: list[str]
    half_confidence: Positive


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A whole model. Units are those of the scoring model's page, section 1."""

    name: Name
    amount_max: Annotated[int, Meta(ge=1, le=2**42)]
    week_amount_max: Positive
    slots: Annotated[int, Meta(ge=1, le=64)]
    account_log_max: MicroNats
    signals: dict[str, Signal]
    pillars: PillarTable
    reach: Reach
    upkeep: Upkeep
    networks: dict[str, NetworkSpec]
    network_default: NetworkSpec
    kinds: Kinds
    reviews: Reviews
    associates: Associates
    conduct: Conduct
    visibility: Visibility
    evidence: Evidence

    @cached_property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the content, whatever its spelling, order and comments."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]

    def __hash__(self) -> int:
        return hash(self.hash)

    def code(self, signal: str) -> int:
        """What the state stores for the signal of this name."""
        return self.signals[signal].code

    def network(self, name: str) -> NetworkSpec:
        """The numbers of a network; of one that the model does not name, the default's."""
        return self.networks.get(name, self.network_default)


def load(path: Path | None = None) -> Model:
    """The model in a file; the packaged presence-1 without one.

    Raises CallerError naming the exact key when the file cannot be read, is no TOML, lacks a key, has
    one too many, has a number out of range, or contradicts itself.
    """
    path = path or PACKAGED
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CallerError(f"model file {path.name}: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise CallerError(f"model file {path.name}: longer than {FILE_BYTES_MAX} bytes")
    return parse(content, path.name)


def parse(content: bytes, origin: str = "model") -> Model:
    """The model in the bytes of a TOML file; `origin` is what errors call it. Raises CallerError."""
    try:
        model = msgspec.convert(tomllib.loads(content.decode()), Model)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerError(f"{origin}: not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise CallerError(f"{origin}: {error}") from error
    _check(model, origin)
    return model


def _check(model: Model, origin: str) -> None:
    """Refuse what no single key shows: names that lead nowhere, sums that do not fit, double claims."""

    def refuse(key: str, why: str) -> NoReturn:
        raise CallerError(f"{origin}: {why} - at `$.{key}`")

    _check_signals(model, refuse)
    _check_names(model, refuse)
    if model.slots & (model.slots - 1):
        refuse("slots", "must be a power of two")
    for name, pillar in model.pillars.items():
        if (pillar.full_at is None) != (name == "resonance"):
            refuse(f"pillars.{name}.full_at", "only resonance is full at the network's number")
    for kind in ("person", "business"):
        if sum(msgspec.structs.astuple(getattr(model.kinds, kind).percent)) != 100:
            refuse(f"kinds.{kind}.percent", "the pillars must add up to 100")
    if sum(msgspec.structs.astuple(model.visibility)) != 10:
        refuse("visibility", "the tenths must add up to 10")
    if model.upkeep.stale_thousandths + model.upkeep.fresh_thousandths > 1_000:
        refuse("upkeep.fresh_thousandths", "with stale_thousandths it must not be above 1000")


def _check_signals(model: Model, refuse: Callable[[str, str], NoReturn]) -> None:
    by_code: dict[int, str] = {}
    claimed: dict[tuple[str, Verb, Object, bool], str] = {}
    for name, signal in model.signals.items():
        if signal.code in by_code:
            refuse(f"signals.{name}.code", f"{by_code[signal.code]} has this code too")
        by_code[signal.code] = name
        for number, act in enumerate(signal.acts):
            try:
                keys = list(act_keys(act))
            except ValueError as error:
                refuse(f"signals.{name}.acts[{number}]", str(error))
            for key in keys:
                other = claimed.get((signal.direction, *key))
                if other is not None:
                    refuse(f"signals.{name}.acts[{number}]", f"{other} claims it too")
                claimed[signal.direction, *key] = name


def act_keys(act: Act) -> Iterator[tuple[Verb, Object, bool]]:
    """Every (verb, object, in_reply_to_other) that an act of the table stands for.

    Raises ValueError for a word that is not in the vocabulary.
    """
    verb = Verb.parse(act.verb)
    objects = list(Object) if act.object is None else [Object.parse(act.object)]
    replies = [False, True] if act.in_reply_to_other is None else [act.in_reply_to_other]
    return ((verb, thing, reply) for thing in objects for reply in replies)


def _check_names(model: Model, refuse: Callable[[str, str], NoReturn]) -> None:
    named = {f"pillars.{name}.weights": list(pillar.weights) for name, pillar in model.pillars.items()}
    named |= {f"signals.{name}.stars_to": [s.stars_to] for name, s in model.signals.items() if s.stars_to}
    named["reach.signal"] = [model.reach.signal]
    named["upkeep.signals"] = model.upkeep.signals
    named["reviews.signal"] = [model.reviews.signal]
    named["reviews.stars_signal"] = [model.reviews.stars_signal]
    named["evidence.without"] = model.evidence.without
    for key, signals in named.items():
        for signal in signals:
            if signal not in model.signals:
                refuse(key, f"{signal} is no signal of this model")
    for gauge in model.reach.gauges:
        if gauge not in Gauge.__members__:
            refuse("reach.gauges", f"{gauge} is no gauge")
