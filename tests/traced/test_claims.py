"""Every claim of the paper, judged by formulas: which verdict each comes to, and that it is explained."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.claimed import derived
from validate.claims import VERDICTS, Judgement, claims, judge
from validate.claims.verdict import COUNTING, NOT, OUT, REPRODUCED
from validate.report.numbers import cells

pytestmark = pytest.mark.full  # every cell of every claim is derived

NAMES = {verdict: name for name, verdict in VERDICTS.items()}


@pytest.fixture(scope="module")
def judged() -> list[Judgement]:
    evidence = derived(cells(claims()))
    return [judge(claim, evidence) for claim in claims()]


def test_every_verdict_is_explained_and_no_other(judged: list[Judgement]) -> None:
    for one in judged:
        assert set(one.claim.because) == {NAMES[one.verdict]}, one.claim.id
        assert one.reason.endswith(one.claim.because[NAMES[one.verdict]]), one.claim.id


def test_reasons_say_what_the_verdict_says(judged: list[Judgement]) -> None:
    for one in judged:
        first = one.reason.split(". ")[0]
        text = one.claim.published.text
        if one.verdict == REPRODUCED:
            assert f"published {text}" in one.reason, one.claim.id
            assert "not" not in first.split(), one.claim.id
        elif one.verdict == COUNTING:
            assert f"which is not {text}" in one.reason, one.claim.id
        elif one.verdict == NOT:
            assert f"not {text}" in one.reason, one.claim.id


def test_how_many_hold(judged: list[Judgement]) -> None:
    assert Counter(one.verdict for one in judged) == {REPRODUCED: 16, COUNTING: 10, NOT: 20, OUT: 7}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("separable-8-9", REPRODUCED),
        ("depthwise-weight-gradient", NOT),
        ("depthwise-input-gradient", NOT),
        ("depthwise-20-v3", COUNTING),
        ("adapters-95", COUNTING),
        ("cifar-v2", NOT),
        ("rank-slope-flops", NOT),
        ("rank-slope-memory", REPRODUCED),
    ],
)
def test_claims_that_no_committed_journal_has(judged: list[Judgement], name: str, verdict: str) -> None:
    assert next(one for one in judged if one.claim.id == name).verdict == verdict
