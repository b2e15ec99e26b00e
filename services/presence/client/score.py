"""A score as a client sees it: frozen data, and its form in JSON. Units are those of `score.proto`."""

from dataclasses import asdict, dataclass
from typing import Any

from presence.events.vocabulary import AccountHash, Network, PersonId, PersonKind
from presence.v1 import score_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pillars:
    """Each 0 to 1_000_000 micro."""

    reach: int
    resonance: int
    expertise: int
    voice: int
    upkeep: int
    inbound: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountShares:
    """One account's own shares, before the accounts are put together."""

    network: Network
    account: AccountHash
    shares: Pillars


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One entry of the waterfall: a pillar on one account, or `reviews`, `associates`, `clip`, `conduct`."""

    entry: str
    network: Network
    account: AccountHash
    millipoints: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What somebody's presence is worth and why; the reasons add up to `presence`."""

    person: PersonId
    kind: PersonKind
    presence: int
    """Millipoints, 0 to 100_000, as `visibility`."""
    visibility: int
    pillars: Pillars
    reviews: int
    """Millipoints, -30_000 to 30_000."""
    associates: int
    """Millipoints, -10_000 to 10_000."""
    factor: int
    """What conduct findings leave: 50_000 to 1_000_000 micro."""
    evidence: int
    """Milli-events."""
    confidence: int
    """0 to 1_000_000 micro, as `generosity`."""
    generosity: int
    events: int
    as_of_ms: int
    """Milliseconds since 1970-01-01T00:00Z."""
    model: str
    model_hash: str
    revision: str
    """Opaque: equal or not, and nothing else."""
    day_change: int | None
    """Against yesterday's close, millipoints, as `week_change` and `month_change`; None: not scored then."""
    week_change: int | None
    month_change: int | None
    waterfall: tuple[Reason, ...]
    accounts: tuple[AccountShares, ...]
    stale_networks: tuple[Network, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON: integers of the units above, `kind` in lower case, an account's hash as 16 hex digits."""
        found = asdict(self) | {"kind": self.kind.name.lower()}
        for row in (*found["waterfall"], *found["accounts"]):
            row["account"] = f"{row['account']:016x}" if row["account"] else ""
        return found


def from_message(message: score_pb2.Score) -> Score:
    """The score that a gateway has sent. A kind that this client does not know reads as UNSPECIFIED."""
    return Score(
        person=PersonId(message.person),
        kind=kind_from(message.kind),
        presence=message.presence_millipoints,
        visibility=message.visibility_millipoints,
        pillars=_pillars(message.pillars),
        reviews=message.reviews_millipoints,
        associates=message.associates_millipoints,
        factor=message.conduct_factor_micro,
        evidence=message.evidence_millievents,
        confidence=message.confidence_micro,
        generosity=message.generosity_micro,
        events=message.events,
        as_of_ms=message.as_of_time.ToMilliseconds(),
        model=message.model.name,
        model_hash=message.model.hash,
        revision=message.revision,
        day_change=_optional(message, "day_change_millipoints"),
        week_change=_optional(message, "week_change_millipoints"),
        month_change=_optional(message, "month_change_millipoints"),
        waterfall=tuple(map(reason_from, message.waterfall)),
        accounts=tuple(
            AccountShares(
                network=Network(row.network), account=AccountHash(row.account), shares=_pillars(row.shares)
            )
            for row in message.accounts
        ),
        stale_networks=tuple(map(Network, message.stale_networks)),
    )


def kind_from(number: int) -> PersonKind:
    """The kind of that number; UNSPECIFIED if this client does not know it."""
    return PersonKind(number) if number in {member.value for member in PersonKind} else PersonKind.UNSPECIFIED


def reason_from(message: score_pb2.WaterfallEntry) -> Reason:
    """One entry of a waterfall, or of a change."""
    return Reason(
        entry=message.entry,
        network=Network(message.network),
        account=AccountHash(message.account),
        millipoints=message.millipoints,
    )


def _optional(message: score_pb2.Score, field: str) -> int | None:
    return getattr(message, field) if message.HasField(field) else None  # type: ignore[arg-type]


def _pillars(message: score_pb2.Pillars) -> Pillars:
    return Pillars(
        reach=message.reach,
        resonance=message.resonance,
        expertise=message.expertise,
        voice=message.voice,
        upkeep=message.upkeep,
        inbound=message.inbound,
    )
