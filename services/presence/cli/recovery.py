"""The way back from findings about conduct: what a score would be in 30, 90 and 180 days if nothing else changed."""

from collections.abc import Sequence

from presence.client import Client, NotPermitted, Reason

DAYS = (30, 90, 180)
STEP_DAYS = 30


def recovery(gateway: Client, person: str, reasons: Sequence[Reason]) -> dict[int, int]:
    """Days from now -> millipoints; empty where conduct takes nothing, or for who may not see explanations."""
    if all(reason.entry != "conduct" for reason in reasons):
        return {}
    try:
        simulated = gateway.simulate_score(person, days=max(DAYS), step_days=STEP_DAYS)
    except NotPermitted:
        return {}
    return {point.in_days: point.presence for point in simulated.curve if point.in_days in DAYS}
