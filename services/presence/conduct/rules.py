"""The default moderator: the rules of `rules.toml` on folded text, with the swear words of glin-profanity's dictionaries.

A word is no offence: a rule looks for what is aimed at somebody, and leaves alone what is quoted, reported, denied or
meant as a joke. Its time is linear in the text: patterns are bounded, and a text that has none of a rule's words is not
searched.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from glin_profanity.data.dictionary import dictionary
from glin_profanity.utils.unicode import normalize_unicode

from presence.conduct.folding import folded, undisguised
from presence.conduct.moderator import DEFAULT, TEXT_CHARS_MAX, Finding
from presence.events.vocabulary import Category, Severity

SWEARING_LANGUAGES = ("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "russian")
NOT_SWEARING = frozenset(
    [
        "sex",
        "anal",
        "anus",
        "breast",
        "breasts",
        "penis",
        "vagina",
        "vulva",
        "nude",
        "nudity",
        "orgasm",
        "erotic",
        "domination",
        "hooker",
        "voyeur",
        "escort",
        "kill",
        "suicide",
        "rape",
        "hot",
        "nazi",
        "god",
        "gay",
        "lesbian",
        "sexy",
        "sexual",
        "porn",
        "semen",
        "sperm",
        "rectum",
        "urine",
        "condom",
        "mist",
        "sau",
        "cono",
    ]
)
"""Words of the dictionaries that are no swear words: of the body, of health, of what is done to people."""
ALSO_SWEARING = frozenset(
    [
        "fuck",
        "fucking",
        "fucked",
        "motherfucking",
        "shit",
        "shitty",
        "shithole",
        "bullshit",
        "goddamn",
        "crap",
        "bollocks",
        "bugger",
        "arse",
        "bastard",
        "bastards",
        "asshole",
        "assholes",
        "scheisse",
        "scheissdreck",
        "verfickte",
        "verfickter",
        "kacke",
        "fick",
        "merde",
        "putain",
        "bordel",
        "chier",
        "joder",
        "mierda",
        "hostia",
        "puta",
        "cono",
        "coño",
        "cazzo",
        "merda",
        "puttana",
        "porra",
        "caralho",
    ]
)
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;\n]*")
_MACRO = re.compile(r"\{([a-z_]+)\}")
_DIGITS = re.compile(r"[0134578@$!|*]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to offend. `cues`: how many of the patterns must be there, anywhere in the text; 0: one, in one sentence.

    `deniable`: a sentence that denies it does not break it. `counted`: instead of patterns, words of which there must be `least`.
    """

    category: Category
    severity: Severity
    confidence_micro: int
    needs: frozenset[str]
    patterns: tuple["re.Pattern[str]", ...] = ()
    cues: int = 0
    deniable: bool = False
    counted: frozenset[str] = frozenset()
    least: int = 0

    @property
    def finding(self) -> Finding:
        return Finding(self.category, self.severity, self.confidence_micro)


class Rules:
    """The moderator `rules`."""

    name = DEFAULT

    def __init__(self) -> None:
        told = tomllib.loads(files("presence.conduct").joinpath("rules.toml").read_text(encoding="utf-8"))
        words = {name: frozenset(each) for name, each in told["words"].items()} | {"swearing": _swearing()}
        self.version = f"{told['version']}+glin-{version('glin-profanity')}"
        self._reporting, self._joking, self._denied = (
            re.compile(told[name]) for name in ("reporting", "joking", "denied")
        )
        rules = [_rule(each, words) for each in told["rule"]]
        self._rules = tuple(each for each in rules if each.confidence_micro >= told["threshold"] * 1_000_000)
        self._needed = frozenset[str]().union(*(each.needs for each in self._rules))

    def read(self, text: str) -> Sequence[Finding]:
        """What there is in the first TEXT_CHARS_MAX characters of `text`; of a text as it is, else undisguised."""
        plain = folded(text[:TEXT_CHARS_MAX])
        found = self._found(plain)
        if not found and _DIGITS.search(plain):
            found = self._found(undisguised(plain))
        return found

    def _found(self, plain: str) -> tuple[Finding, ...]:
        words = _WORD.findall(plain)
        distinct = set(words)
        if self._needed.isdisjoint(distinct):
            return ()
        rules = [each for each in self._rules if not each.needs.isdisjoint(distinct)]
        if not rules or self._joking.search(plain):
            return ()
        spoken = [each.strip() for each in _SENTENCE.findall(plain) if not self._reporting.search(each)]
        return tuple(each.finding for each in rules if self._breaks(each, spoken, words))

    def _breaks(self, rule: Rule, spoken: list[str], words: list[str]) -> bool:
        if rule.counted:
            return bool(spoken) and sum(word in rule.counted for word in words) >= rule.least
        if rule.cues:
            whole = " ".join(spoken)
            return sum(pattern.search(whole) is not None for pattern in rule.patterns) >= rule.cues
        return any(
            pattern.search(each) is not None
            for each in spoken
            if not (rule.deniable and self._denied.search(each))
            for pattern in rule.patterns
        )


def _rule(told: Mapping[str, Any], words: Mapping[str, frozenset[str]]) -> Rule:
    counted = words[told["count"]["words"]] if "count" in told else frozenset[str]()
    needs = frozenset(told.get("words", ())).union(*(words[name] for name in told.get("needs", ())))
    return Rule(
        category=Category[told["category"]],
        severity=Severity[told["severity"]],
        confidence_micro=round(told["confidence"] * 1_000_000),
        needs=needs or counted,
        patterns=tuple(re.compile(_expanded(each, words)) for each in told.get("patterns", ())),
        cues=told.get("cues", 0),
        deniable=told.get("deniable", False),
        counted=counted,
        least=told["count"]["least"] if counted else 0,
    )


def _expanded(pattern: str, words: Mapping[str, frozenset[str]]) -> str:
    """The pattern with the words that its names stand for, the longest first; a repetition such as {0,3} stays."""
    return _MACRO.sub(lambda found: f"(?:{'|'.join(_longest_first(words[found[1]]))})", pattern)


def _longest_first(words: frozenset[str]) -> Iterator[str]:
    return map(re.escape, sorted(words, key=lambda word: (-len(word), word)))


def _swearing() -> frozenset[str]:
    listed = {
        normalize_unicode(word.casefold())
        for name in SWEARING_LANGUAGES
        for word in dictionary.get_words(name)
    }
    single = {word for word in listed if _WORD.fullmatch(word) and len(word) > 2}
    return (frozenset(single) | ALSO_SWEARING) - NOT_SWEARING
