"""What has no live way: Glassdoor's reviews, imported from a file."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from presence.demo.networks.venue import Member, every, iso
from presence.events.vocabulary import Network, PersonId, PersonKind

REVIEWS = 16
STARS = ("5.0", "4.0", "2.0", "5.0")


class Glassdoor:
    """The report of reviews of an employer."""

    environment: Mapping[str, str] = {}

    def __init__(self, folder: Path, end_ms: int) -> None:
        self._path = folder / "glassdoor-reviews.csv"
        rows = [
            f"r{number},{iso(at_ms)[:10]},{STARS[number % len(STARS)]},Fine\n"
            for number, at_ms in enumerate(every(48, REVIEWS, end_ms))
        ]
        self._path.write_text("".join(["Review ID,Review Date,Overall Rating,Title\n", *rows]))
        self.members = (
            Member(
                Network("glassdoor"),
                "Glassdoor",
                "import of a CSV file",
                "Nox Ltd, on Glassdoor",
                "1234",
                REVIEWS,
                PersonKind.BUSINESS,
            ),
        )

    def serve(self, stack: ExitStack) -> None:
        """A file is just there."""

    def command(self, people: Mapping[Network, PersonId]) -> list[str]:
        return ["import", "glassdoor", str(self._path), "--person", people[Network("glassdoor")]]

    def play(self) -> None:
        """It was all there before."""
