"""Texts as a rule can read them: lower case, plain Latin letters, without disguises and without what is quoted.

Every step is linear in the length of the text. The tables of lookalikes are those of glin-profanity.
"""

import re

from glin_profanity.utils.unicode import normalize_unicode

COMBINING_MAX = 2
"""So many marks on one letter are a script's own; more of them are a bomb."""
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]"
_MARKS = re.compile(rf"({_MARK}{{2}}){_MARK}+")
_QUOTED = re.compile(
    r"\"[^\"\n]{1,600}\"|“[^”\n]{1,600}”|„[^“”\n]{1,600}[“”]|«[^»\n]{1,600}»|\u2018[^\u2019\n]{3,600}\u2019(?!\w)"
    r"|(?<!\w)'[^'\n]{3,600}'(?!\w)|^\s*>[^\n]*",
    re.MULTILINE,
)
_LINK = re.compile(r"https?://\S{1,2000}")
_REPEATED = re.compile(r"(\w)\1{2,}")
_SPELLED = re.compile(r"(?<![^\W\d_])(?:[^\W\d_][ .\-_*]{1,2}){3,30}[^\W\d_](?![^\W\d_])")
_DISGUISED = re.compile(r"[a-z0134578@$!|*]+")
_LEET = str.maketrans("013457@$!|*", "oieastasilu")
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")


def folded(text: str) -> str:
    r"""`text` without quotations, links and disguises of letters, in lower case.

    >>> folded("Y\u043eu said “hello”, y\u200bou I D I O T")
    'you said , you idiot'
    """
    plain = _QUOTED.sub(" ", text) if _may_quote(text) else text
    if not plain.isascii():
        plain = normalize_unicode(_MARKS.sub(r"\1", plain).casefold())
    plain = _LINK.sub(" ", plain.casefold())
    plain = _REPEATED.sub(r"\1", plain)
    return _SPACES.sub(" ", _SPELLED.sub(_joined, plain)).strip()


def undisguised(plain: str) -> str:
    """A folded text with digits and signs read as the letters that they stand for within words.

    >>> undisguised("y0u are an 1d10t!")
    'you are an idiot!'
    """
    return _DISGUISED.sub(_letters, plain)


def _may_quote(text: str) -> bool:
    return any(mark in text for mark in "\"'“„«\u2018>")


def _joined(found: "re.Match[str]") -> str:
    """Letters that stand apart, as words: two spaces part words, one does not."""
    words = re.split(r"[ .\-_*]{2}", found[0])
    return " ".join(re.sub(r"[ .\-_*]", "", word) for word in words)


def _letters(found: "re.Match[str]") -> str:
    word = found[0].rstrip("!")
    if word.isdecimal() or word.isalpha():
        return found[0]
    return word.translate(_LEET) + found[0][len(word) :]
