"""``judge``: nobody has to train here to get the verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from fusionbench.statistics.paired import paired

COLUMNS = ["method", "seed", "clip", "subject", "truth", "predicted"]


def written(path: Path, rates: dict[str, float], seeds: int = 5, clips: int = 200) -> dict[str, np.ndarray]:
    """A file of methods that are right so often; returns what each got right, ``(seeds, clips)``."""
    draw = np.random.default_rng(0)
    right = {method: draw.random((seeds, clips)) < rate for method, rate in rates.items()}
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for method, hits in right.items():
            for seed in range(seeds):
                for clip in range(clips):
                    truth = "abc"[clip % 3]
                    said = truth if hits[seed, clip] else "abc"[(clip + 1) % 3]
                    out.writerow([method, seed, f"c{clip:03d}", f"p{clip // 10}", truth, said])
    return right


def test_methods_are_judged_by_the_paired_test_over_seeds_and_subjects(cli, tmp_path):
    right = written(tmp_path / "all.csv", {"ours": 0.8, "theirs": 0.6})
    ended = cli("judge", "all.csv", "--json")
    assert ended.code == 0, ended.err
    (pair,) = ended.json["pairs"]
    expected = paired(right["ours"].astype(float) - right["theirs"], np.arange(200) // 10)
    assert (pair["a"], pair["verdict"]) == ("ours", "a")
    assert pair["difference"] == pytest.approx(expected.mean) and pair["p"] == pytest.approx(expected.p)
    assert (pair["low"], pair["high"]) == pytest.approx((expected.low, expected.high))
    assert ended.json["answer"].startswith("ours (") and ended.json["ranking"][0]["params"] is None


def test_a_person_sees_table_and_answer_and_gets_the_page(cli, tmp_path):
    written(tmp_path / "one.csv", {"ours": 0.8})
    written(tmp_path / "two.csv", {"theirs": 0.5, "base": 0.4})
    ended = cli("judge", "one.csv", "two.csv", "--against", "base", "--metric", "uar", "--report", "page")
    assert ended.code == 0, ended.err
    assert "against base: difference in UAR" in ended.out and "params" not in ended.out
    page = (tmp_path / "page" / "index.html").read_text()
    assert "Predictions made elsewhere, one.csv, two.csv" in page
    assert "fusionbench judge one.csv two.csv --margin 1 --metric uar --against base --report report" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "none.csv"),
        (["all.csv", "--metric", "acuracy"], "Did you mean 'accuracy'?"),
        (["all.csv", "--against", "ourz"], "no row to judge against named 'ourz'. Did you mean 'ours'?"),
        (["all.csv", "--positive", "a"], "a positive class needs two classes, and there are 3"),
        (["all.csv", "--margin", "0"], "give points between 0 and 100"),
    ],
)
def test_mistakes_end_with_2_and_a_message(cli, tmp_path, arguments, message):
    written(tmp_path / "all.csv", {"ours": 0.8, "theirs": 0.6}, seeds=2, clips=12)
    ended = cli("judge", *arguments)
    assert ended.code == 2 and message in ended.err and "Traceback" not in ended.err


def test_methods_of_other_clips_are_refused(cli, tmp_path):
    written(tmp_path / "one.csv", {"ours": 0.8}, clips=30)
    written(tmp_path / "two.csv", {"theirs": 0.8}, clips=29)
    ended = cli("judge", "one.csv", "two.csv")
    assert ended.code == 2 and "c029" in ended.err
