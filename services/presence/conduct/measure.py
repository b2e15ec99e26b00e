"""How right a moderator is: precision and recall on labelled texts, of all offences together and of each category."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from presence.conduct.moderator import Moderator, gravest
from presence.events.errors import CallerError
from presence.events.vocabulary import Category

COLUMNS = ("category", "language", "sort", "text")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the category that it is of; Category.UNSPECIFIED: it offends nobody."""

    category: Category
    language: str
    sort: str
    text: str


class Tally(NamedTuple):
    """`hits` of `found` findings were right, of `there` offences. Both ratios are 1 where there was nothing to divide by."""

    hits: int
    found: int
    there: int

    @property
    def precision(self) -> float:
        """0 to 1: which share of what was found is there."""
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """0 to 1: which share of what is there was found."""
        return self.hits / self.there if self.there else 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A labelled text and the category that was found; UNSPECIFIED: none."""

    labelled: Labelled
    found: Category


def read(path: Path) -> list[Labelled]:
    r"""The labelled texts of a table with tabs and the head COLUMNS; `\n` in a text is a new line.

    Raises CallerError with the line's number for what is none, and for a text that stands there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise CallerError(f"{path} cannot be read: {error}") from error
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise CallerError(f"{path}: the first line must be {', '.join(COLUMNS)}, with tabs")
    found: dict[str, Labelled] = {}
    for number, line in enumerate(lines[1:], start=2):
        parts = line.split("\t")
        if len(parts) != len(COLUMNS) or not (parts[0] == "NONE" or parts[0] in Category.__members__):
            raise CallerError(f"{path}, line {number}: a category, a language, a sort and a text, with tabs")
        category = Category.UNSPECIFIED if parts[0] == "NONE" else Category[parts[0]]
        text = parts[3].replace("\\n", "\n")
        if text in found:
            raise CallerError(f"{path}, line {number}: the text stands there twice")
        found[text] = Labelled(category, parts[1], parts[2], text)
    return list(found.values())


def judged(moderator: Moderator, texts: Iterable[Labelled]) -> list[Outcome]:
    """What the moderator finds in each text."""
    return [Outcome(each, _category(moderator, each.text)) for each in texts]


def _category(moderator: Moderator, text: str) -> Category:
    found = gravest(moderator.read(text))
    return Category.UNSPECIFIED if found is None else found.category


def accusing(outcomes: Sequence[Outcome]) -> Tally:
    """Whether who is accused has offended, whatever the category: what a person wants to know first."""
    there = [each for each in outcomes if each.labelled.category]
    found = [each for each in outcomes if each.found]
    return Tally(sum(bool(each.found) for each in there), len(found), len(there))


def of_category(outcomes: Sequence[Outcome], category: Category) -> Tally:
    """Whether the category is right, too."""
    there = [each for each in outcomes if each.labelled.category is category]
    found = [each for each in outcomes if each.found is category]
    return Tally(sum(each.found is category for each in there), len(found), len(there))


def of_sort(outcomes: Sequence[Outcome], sort: str) -> Tally:
    """As `accusing`, of the texts of one sort."""
    return accusing([each for each in outcomes if each.labelled.sort == sort])
