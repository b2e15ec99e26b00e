"""The two opaque tokens: where a watch has come to, and which event a score counts last."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.events.errors import InvariantBroken
from presence.gateway import resume
from presence.gateway.resume import DeploymentId, MalformedToken, ResumeToken
from presence.log import revision
from presence.log.revision import Revision

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=8, max_size=8), st.lists(U64, min_size=1, max_size=64))
def test_a_resume_token_comes_back_as_it_was(deployment: bytes, positions: list[int]) -> None:
    token = ResumeToken(DeploymentId(deployment), tuple(positions))
    text = resume.encode(token)
    assert resume.decode(text) == token
    assert "=" not in text


@settings(deadline=None, max_examples=100)
@given(
    st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_garbage_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        token = resume.decode(text)
    except MalformedToken:
        return
    assert resume.encode(token) == text.rstrip("=")


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text[:-1],
        lambda text: text + "AA",
        lambda text: "B" + text[1:],
        lambda text: text.replace("A", "+"),
        lambda text: text + "é",
        lambda _: "A" * (resume.TOKEN_CHARS_MAX + 1),
    ],
    ids=["cut", "longer", "version", "alphabet", "not ascii", "too long"],
)
def test_a_spoilt_resume_token_is_malformed(spoilt: object) -> None:
    assert callable(spoilt)
    good = resume.encode(ResumeToken(DeploymentId(b"8 bytes."), (1, 2)))
    with pytest.raises(MalformedToken):
        resume.decode(spoilt(good))


@settings(deadline=None, max_examples=100)
@given(U32, U64)
def test_a_revision_comes_back_as_it_was(partition: int, offset: int) -> None:
    assert revision.decode(revision.encode(Revision(partition, offset))) == Revision(partition, offset)


@pytest.mark.parametrize(
    "text", ["", "AQAAAAMAAAAAAAAAK", "AgAAAAMAAAAAAAAAKg", "not a revision!!!", "é" * 18]
)
def test_a_revision_that_nobody_wrote_is_a_fault_of_ours(text: str) -> None:
    with pytest.raises(InvariantBroken):
        revision.decode(text)


def test_revisions_have_an_order_within_their_partition_only() -> None:
    assert Revision(1, 4).is_before(Revision(1, 5))
    assert not Revision(1, 5).is_before(Revision(1, 5))
    assert not Revision(1, 4).is_before(Revision(2, 5))
