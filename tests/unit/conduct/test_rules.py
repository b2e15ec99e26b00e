"""What the default moderator says of labelled texts, and that nothing that it is given stops or slows it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.conduct import measure
from presence.conduct.folding import folded, undisguised
from presence.conduct.moderator import TEXT_CHARS_MAX, Finding, Moderator, gravest, load
from presence.conduct.rules import Rules
from presence.events.errors import CallerError
from presence.events.vocabulary import Category, Severity

DATA = Path(__file__).parents[2] / "data"
RULES = Rules()
ZERO_WIDTH, CYRILLIC_O, MARK = "\u200b", "\u043e", "\u0301"


@pytest.fixture
def rules() -> Rules:
    return RULES


def test_it_is_a_moderator_that_is_found_by_its_name(rules: Rules) -> None:
    assert isinstance(rules, Moderator)
    found = load("rules")
    assert found is not None
    assert (found.name, found.version) == (rules.name, rules.version)
    assert load("none") is None


def test_one_that_is_not_installed_is_said_with_those_that_are() -> None:
    with pytest.raises(CallerError, match=r"oracle is no moderator that is installed here: .*rules"):
        load("oracle")


def test_the_labelled_texts_are_500_and_more_of_every_category_in_several_languages() -> None:
    texts = measure.read(DATA / "conduct.tsv")
    assert len(texts) >= 500
    assert {each.category for each in texts} == set(Category) - {Category.OTHER}
    assert {"en", "de", "fr", "es"} <= {each.language for each in texts}
    assert {"opinion", "quotation", "reclaimed", "report", "health"} <= {each.sort for each in texts}


def test_of_texts_that_were_kept_from_tuning_nearly_nobody_is_accused_who_did_nothing(rules: Rules) -> None:
    outcomes = measure.judged(rules, measure.read(DATA / "conduct-held-out.tsv"))
    told = measure.accusing(outcomes)
    assert told.precision >= 0.95
    assert told.recall >= 0.4
    for sort in ("quotation", "reclaimed", "report", "health", "opinion", "counter"):
        assert measure.of_sort(outcomes, sort).found == 0


def test_a_text_is_held_to_its_gravest_finding() -> None:
    mild = Finding(Category.PROFANITY, Severity.MINOR, 990_000)
    grave = Finding(Category.THREAT, Severity.SEVERE, 800_000)
    assert gravest([mild, grave]) == grave
    assert gravest([]) is None
    with pytest.raises(ValueError, match="no finding"):
        gravest([Finding(Category.UNSPECIFIED, Severity.MINOR, 1)])


@pytest.mark.parametrize(
    "disguised",
    [
        "I will kill you",
        f"I w{ZERO_WIDTH}ill ki{ZERO_WIDTH}ll you",
        f"I will kill y{CYRILLIC_O}u",
        "I will k1ll y0u",
        "We will k i l l you",
        f"I wi{MARK * 50}ll ki{MARK * 2_000}ll you",
        "Ça va? 你好. I will kill you. Привет",
    ],
)
def test_disguises_do_not_help(rules: Rules, disguised: str) -> None:
    found = gravest(rules.read(disguised))
    assert found is not None
    assert (found.category, found.severity) == (Category.THREAT, Severity.SEVERE)


@pytest.mark.parametrize(
    "quoted",
    [
        'He wrote "I will kill you" to me.',
        "\u201cI will kill you\u201d",
        "\u00abI will kill you\u00bb",
        "> I will kill you\nThat is not how we talk.",
        "My boss: I will kill you haha",
        "According to the police he said: I will kill you",
    ],
)
def test_what_is_quoted_reported_or_a_joke_is_nobodys_own_word(rules: Rules, quoted: str) -> None:
    assert rules.read(quoted) == ()


HOSTILE = {
    "words": "you idiot " * 100_000,
    "one word": "a" * 1_000_000,
    "quotes": '"' * 1_000_000,
    "tags": "<" * 1_000_000,
    "marks": ("a" + MARK * 300) * 3_000,
    "zero width": f"i{ZERO_WIDTH}" * 500_000,
    "spelled": "k i l l " * 125_000,
    "astral": "\U0001d4f2" * 500_000,
    "half a pair": "\ud800" * 1_000_000,
    "signs": "$!@*|" * 200_000,
    "nearly": "i will not ever never kill " * 40_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_of_a_million_hostile_characters_the_beginning_is_read(rules: Rules, text: str) -> None:
    assert rules.read(text) == rules.read(text[:TEXT_CHARS_MAX])


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    found = RULES.read(text)
    assert all(each.category and each.severity for each in found)
    assert undisguised(folded(text)) is not None
