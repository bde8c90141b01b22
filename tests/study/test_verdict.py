"""Which head is better: what the pairs say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fusionbench.catalog.resolve import Request
from fusionbench.contract.errors import UserError
from fusionbench.contract.judging import Judging
from fusionbench.learn.metrics import Predictions, pool
from fusionbench.statistics.paired import paired
from fusionbench.study.experiment import read_experiment
from fusionbench.study.judged_rows import Scored, persons
from fusionbench.study.terms import Terms, read_terms
from fusionbench.study.verdict import judge_rows

CLIPS = 400
TRUTH = np.arange(CLIPS) % 4
IDS = tuple(f"clip-{k:03d}" for k in range(CLIPS))
PEOPLE = {clip: f"p{k % 20}" for k, clip in enumerate(IDS)}


def said(right: np.ndarray, order: np.ndarray | None = None) -> Predictions:
    """Predictions that are right where ``right`` says so, else name the next class; in any order of clips."""
    order = np.arange(CLIPS) if order is None else order
    predicted = np.where(right, TRUTH, (TRUTH + 1) % 4)
    scores = np.log(np.where(np.eye(4)[predicted] > 0, 0.7, 0.1))
    return Predictions(tuple(IDS[k] for k in order), TRUTH[order], scores[order])


def row(label: str, rate: float, seeds=range(5), seed: int = 0) -> Scored:
    draw = np.random.default_rng([seed, *label.encode()])
    return Scored(label, {s: said(draw.random(CLIPS) < rate, draw.permutation(CLIPS)) for s in seeds})


def judged(*rows: Scored, terms: Terms | None = None, metric: str = "accuracy", subjects=None):
    known = PEOPLE if subjects is None else subjects
    return judge_rows(rows, known, 4, terms or Terms(), Judging((metric,)))


def test_a_pair_is_the_paired_test_on_the_same_clips_grouped_by_subject():
    a, b = row("good", 0.8), row("bad", 0.6)
    (pair,) = judged(a, b).pairs
    right = {
        one.label: np.stack(
            [
                [dict(zip(p.ids, p.predicted == p.labels, strict=True))[i] for i in IDS]
                for p in one.predictions.values()
            ]
        ).astype(float)
        for one in (a, b)
    }
    expected = paired(right["good"] - right["bad"], [PEOPLE[i] for i in IDS])
    assert pair.difference == pytest.approx(expected.mean) and pair.p == pytest.approx(expected.p)
    assert (pair.low, pair.high) == pytest.approx((expected.low, expected.high))
    assert pair.verdict == "a" and pair.paired.groups == 20 and pair.seeds == (0, 1, 2, 3, 4)


def test_the_better_head_is_named_with_its_uncertainty():
    made = judged(row("good", 0.8), row("bad", 0.6), row("worst", 0.3))
    assert made.answer.startswith("good (7") or made.answer.startswith("good (8")
    assert "is better than bad and worst (bad: +" in made.answer
    assert made.ranks == {"good": (1, 1), "bad": (2, 2), "worst": (3, 3)}
    assert made.top("good") == ("good",)
    assert made.groups == "20 subjects"


def test_identical_heads_have_p_1_and_are_equivalent_only_where_enough_clips_could_have_told():
    one = row("one", 0.7)
    for subjects, groups in ((PEOPLE, 20), ({}, 400)):
        made = judged(one, Scored("two", one.predictions), subjects=subjects)
        (pair,) = made.pairs
        assert (pair.difference, pair.p, pair.p_holm) == (0, 1, 1)
        assert (pair.low, pair.high, pair.mdd) == (-3 / groups, 3 / groups, 3 / groups)  # rule of three
        assert pair.verdict == ("equivalent" if groups == 400 else "unknown")  # 0.75 points against 15
        assert made.ranks == {"one": (1, 2), "two": (1, 2)}
    few = judged(one, Scored("two", one.predictions))
    assert "with 20 subjects they may still differ by up to 15.0 points" in few.answer


def test_what_can_not_be_told_says_what_to_add():
    made = judged(row("one", 0.70, seed=3), row("two", 0.69, seed=4), subjects={})
    assert made.pairs[0].verdict == "unknown" and made.groups == "400 clips"
    assert "one" in made.answer and "can't be told from two" in made.answer
    assert "could have been found (5 seeds, 400 clips)" in made.answer
    assert "To settle" in made.answer or "would settle" in made.answer


def test_no_difference_is_said_to_be_findable_that_cannot_be():
    right, wrong = said(np.ones(CLIPS, bool)), said(np.zeros(CLIPS, bool))
    made = judged(Scored("one", {0: right, 1: wrong}), Scored("two", {0: wrong, 1: right}))
    assert made.pairs[0].mdd > 1  # more points than there are
    assert "No difference at all could have been found (2 seeds, 20 subjects)." in made.answer


def test_a_head_that_is_always_right_and_two_seeds_do_not_crash():
    perfect = Scored("perfect", {s: said(np.ones(CLIPS, bool)) for s in (0, 1)})
    made = judged(perfect, row("good", 0.8, seeds=(0, 1)), metric="f1")
    assert made.pairs[0].difference > 0.15
    assert judged(perfect, Scored("too", perfect.predictions)).pairs[0].p == 1


def test_one_seed_says_what_one_seed_can_say():
    made = judged(row("good", 0.9, seeds=[3]), row("bad", 0.4, seeds=[3]))
    assert made.pairs[0].verdict == "a"
    assert "these weights, not of the methods" in made.answer


def test_heads_are_paired_on_the_seeds_that_both_finished_and_the_rest_is_told():
    made = judged(row("good", 0.8), row("bad", 0.6, seeds=(0, 2)))
    assert made.pairs[0].seeds == (0, 2)
    assert made.notes == ("bad has no figures for seed 1, 3, 4; its pairs are judged on the others",)
    lone = judged(row("good", 0.8, seeds=[0]), row("bad", 0.6, seeds=[1]))
    assert lone.pairs == () and "share no finished seed" in lone.notes[0]


def test_a_clip_without_a_subject_is_a_person_of_its_own():
    some = {clip: who if k >= 10 else None for k, (clip, who) in enumerate(PEOPLE.items())}
    made = judged(row("good", 0.8), row("bad", 0.6), subjects=some)
    assert made.pairs[0].paired.groups == 30
    assert made.notes == ("10 clips have no subject; each counts as a person of its own",)


def test_the_family_may_be_all_against_one():
    rows = [row(name, rate) for name, rate in (("a", 0.8), ("b", 0.7), ("c", 0.6))]
    made = judged(*rows, terms=Terms(against="b", family="against"))
    assert [(p.a, p.b) for p in made.pairs] == [("a", "b"), ("c", "b")]
    assert made.answer.startswith("b (")
    failed = judged(*rows, terms=Terms(against="d", family="against"))
    assert failed.pairs == () and failed.answer.startswith("d, which every row is judged against, has no")


def test_a_wide_margin_makes_equivalent_and_both_at_once_is_better_by_less_than_the_margin():
    close = judged(row("one", 0.70, seed=3), row("two", 0.69, seed=4), terms=Terms(margin=0.2))
    assert close.pairs[0].verdict == "equivalent" and "is equivalent to two within the margin" in close.answer
    both = judged(row("good", 0.8), row("bad", 0.6), terms=Terms(margin=0.4))
    assert both.pairs[0].verdict == "a" and both.pairs[0].within_margin
    assert "less than the margin" in both.answer


@pytest.mark.parametrize("metric", ["uar", "f1", "m"])
def test_other_metrics_are_judged_by_their_influence(metric):
    (pair,) = judged(row("good", 0.8), row("bad", 0.6), metric=metric).pairs
    assert pair.metric == metric and pair.difference == pytest.approx(0.2, abs=0.05) and pair.verdict == "a"


def test_rows_of_other_clips_or_another_truth_are_refused():
    good = row("good", 0.8)
    fewer = said(np.ones(CLIPS, bool), np.arange(CLIPS - 1))
    with pytest.raises(
        UserError, match=r"bad, seed 0 was judged on other clips than good: 1 differ.*clip-399"
    ):
        judged(good, Scored("bad", {0: fewer}))
    wrong = said(np.ones(CLIPS, bool))
    wrong.labels[7] = (wrong.labels[7] + 1) % 4
    with pytest.raises(UserError, match="another truth of clip 'clip-007'"):
        judged(good, Scored("bad", {0: wrong}))
    twice = said(np.ones(CLIPS, bool), np.r_[np.arange(CLIPS), 0])
    with pytest.raises(UserError, match="on some clips more often than on others"):
        judged(Scored("bad", {0: twice}), good)


def test_everything_is_plain_json_and_fractions():
    plain = json.loads(json.dumps(judged(row("good", 0.8), row("bad", 0.6)).plain()))
    (pair,) = plain["pairs"]
    assert {"a", "b", "metric", "difference", "low", "high", "mdd", "p", "p_holm", "verdict"} <= set(pair)
    assert 0 < pair["low"] < pair["difference"] < pair["high"] < 1 and pair["verdict"] == "a"
    assert plain["answer"].startswith("good") and plain["ranks"]["good"] == [1, 1]


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        ({}, Terms()),
        ({"margin": 2}, Terms(margin=0.02)),
        ({"metric": "uar"}, Terms("uar")),
        ({"against": "mult"}, Terms(against="mult", family="against")),
        ({"against": "mult", "family": "all"}, Terms(against="mult", family="all")),
    ],
)
def test_terms_are_read_in_points(given, terms):
    assert read_terms(given, "x.yaml") == terms


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margn": 1}, "compare has no 'margn'. Did you mean 'margin'?"),
        ({"margin": 0}, "compare.margin is 0; give points"),
        ({"margin": True}, "compare.margin is True"),
        ({"family": "some"}, "compare.family is 'some'; give all or against"),
        ({"family": "against"}, "name the row"),
    ],
)
def test_other_terms_are_refused_with_their_line(tmp_path, given, message):
    file = tmp_path / "x.yaml"
    compare = ", ".join(f"{key}: {json.dumps(value)}" for key, value in given.items())
    file.write_text(f"# Q?\nvary: {{fusion: [arpg, concat]}}\ncompare: {{{compare}}}\n")
    with pytest.raises(UserError) as refused:
        read_experiment(Path(file), Request())
    assert message in str(refused.value) and "x.yaml, line 3" in str(refused.value)


def repeated(label: str, *rounds: np.ndarray) -> Scored:
    """Predictions of folds that were made anew: every clip once a round."""
    said_of = [said(right) for right in rounds]
    return Scored(label, {seed: pool(said_of) for seed in (0, 1)})


@pytest.mark.parametrize("metric", ["accuracy", "uar", "f1"])
def test_of_repeated_folds_a_clips_rounds_are_one_value(metric):
    """Two rounds of the same predictions say no more than one: same difference, same interval."""
    rights = [np.random.default_rng(k).random(CLIPS) < rate for k, rate in enumerate((0.8, 0.7))]
    once = judged(
        *(Scored(label, {0: said(right), 1: said(right)}) for label, right in zip("ab", rights, strict=True)),
        metric=metric,
    )
    twice = judged(
        *(repeated(label, right, right) for label, right in zip("ab", rights, strict=True)), metric=metric
    )
    (first,), (second,) = once.pairs, twice.pairs
    assert second.paired.clips == CLIPS and twice.groups == "20 subjects"
    assert second.difference == pytest.approx(first.difference)
    assert (second.low, second.high) == pytest.approx((first.low, first.high))


def test_of_repeated_folds_the_difference_is_that_of_all_rounds():
    rng = np.random.default_rng(5)
    good, bad = ([rng.random(CLIPS) < rate for _ in range(3)] for rate in (0.8, 0.6))
    (pair,) = judged(repeated("good", *good), repeated("bad", *bad)).pairs
    assert pair.difference == pytest.approx(np.mean(good) - np.mean(bad))


def test_frames_are_grouped_by_person_else_by_their_video():
    ids = tuple(f"v{k % 8}/{k:05d}" for k in range(80))
    right = np.random.default_rng(0).random(80) < 0.5
    scores = np.log(np.where(np.eye(2)[right.astype(int)] > 0, 0.9, 0.1))
    people = tuple(f"p{k % 2}" if k % 8 < 4 else None for k in range(80))
    for subjects, groups in ((None, "8 videos"), (people, "2 subjects")):
        rows = [
            Scored("a", {0: Predictions(ids, np.ones(80, int), scores, subjects)}),
            Scored("b", {0: Predictions(ids, np.ones(80, int), scores[::-1], subjects)}),
        ]
        made = judge_rows(rows, persons(rows, frames=True), 2, Terms(), Judging(("accuracy",)))
        assert made.groups == groups
        assert made.pairs[0].paired.groups == (8 if subjects is None else 6)
    assert made.notes[0] == "4 videos have no subject; each counts as a person of its own"
