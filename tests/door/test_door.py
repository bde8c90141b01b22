"""The commands as Python functions: the same words, the same figures, classes handed over as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fusionbench as fb
from fusionbench.catalog.in_session import is_hashable
from fusionbench.track.records import get_run

pytestmark = pytest.mark.usefixtures("database")
DATA = {"dataset": "streams", "data_root": "watch", "epochs": 2}
WORDS = {"a", "b", "equivalent", "unknown"}


class Mean(fb.FusionHead):
    """Averages over time, then one linear layer."""

    name = "mean_of_all"

    def __init__(self, spec, config):
        super().__init__()
        self.names = tuple(spec.dims)
        self.classify = torch.nn.Linear(sum(spec.dims.values()), spec.classes)

    def forward(self, streams):
        pooled = [fb.masked_mean(streams[name], streams.mask) for name in self.names]
        return self.classify(torch.cat(pooled, dim=-1))


@pytest.fixture(autouse=True)
def watch_store() -> None:
    draw = np.random.default_rng(0)

    def clip(k):
        streams = {"a": draw.normal(k % 2, 1, (8, 6)), "b": draw.normal(0, 1, (8, 4))}
        about = {"id": f"c{k}", "label": "np"[k % 2], "subject": f"p{k // 4}"}
        return {**about, "split": "train" if k < 60 else "test", "streams": streams}

    fb.write_stream_store("watch", (clip(k) for k in range(100)))


@pytest.mark.slow
def test_a_run_has_a_table_predictions_a_model_and_is_loaded_again():
    made = fb.run("concat", set={"fusion.dropout": 0.0}, **DATA)
    assert made.table().loc["selected epoch", "accuracy"] == made.metrics["report/accuracy"]
    said = made.predictions()
    assert list(said.columns) == ["id", "subject", "truth", "prediction", "p(n)", "p(p)", "correct"]
    assert said["correct"].mean() == pytest.approx(made.metrics["report/accuracy"]) and len(said) == 40
    assert made.model.classes == ("n", "p")
    again = fb.load(made.run_id[:12])
    assert again.metrics == made.metrics and again.predictions().equals(said)
    assert fb.run("concat", set={"fusion.dropout": 0.0}, **DATA).reused
    assert "accuracy" in repr(made) and "<table" in made._repr_html_()
    assert made.figure().get_axes()


@pytest.mark.slow
def test_classes_are_compared_with_names_and_judged():
    made = fb.compare([Mean, "concat"], seeds=2, **DATA)
    table = made.table()
    assert set(table["compared"]) == {"mean_of_all", "concat"} and table["seeds"].tolist() == [2, 2]
    (pair,) = made.verdicts().to_dict("records")
    assert {pair["a"], pair["b"]} == {"mean_of_all", "concat"} and pair["verdict"] in WORDS
    assert made.answer.endswith(".") and made.answer in repr(made) and "<table" in made._repr_html_()
    said = made.predictions()
    assert {"method", "seed", "clip", "subject", "truth", "predicted"} <= set(said.columns)
    assert len(said) == 2 * 2 * 40
    loaded = fb.load(made.run_id)
    assert loaded.verdicts().drop(columns="seeds").equals(made.verdicts().drop(columns="seeds"))
    assert loaded.answer == made.answer
    mine = next(run for run in made.runs if run.outcome.name.startswith("mean_of_all"))
    assert mine.model.head.__class__ is Mean


@pytest.mark.slow
@pytest.mark.slow
def test_rows_are_tuned_with_one_budget_each():
    made = fb.compare([Mean, "concat"], tune={"trials": 2, "space": ["training"]}, **DATA)
    tuned = made.tuned
    assert (
        tuned is not None
        and tuned.tuned is None
        and set(tuned.table()["compared"]) == {"mean_of_all", "concat"}
    )
    assert [one.tried for one in made.comparison.tuned.searches] == [2, 2]
    with pytest.raises(fb.UserError, match=r"tune\.trials is 'many'"):
        fb.compare(["concat", "single"], tune="many", **DATA)


def test_a_class_whose_source_is_nowhere_whole_is_trained_every_time_and_its_tags_say_so():
    class Inside(Mean):
        """Made in a function, so nothing tells whether it is the same next time."""

        name = "inside"

    assert not is_hashable(Inside)
    first, second = (fb.run(Inside, **DATA) for _ in range(2))
    assert first.run_id != second.run_id and not second.reused and first.metrics == second.metrics
    assert get_run(first.run_id).tags["fusionbench.in_session.fusion"].endswith("Inside: not kept")


@pytest.mark.slow
def test_a_class_of_a_file_that_holds_all_of_it_is_known_again(tmp_path, monkeypatch):
    source = (
        "import fusionbench as fb\nimport torch\n\n\nclass Flat(fb.FusionHead):\n    name = 'flat'\n"
        "    def __init__(self, spec, config):\n        super().__init__()\n"
        "        self.out = torch.nn.Linear(list(spec.dims.values())[0], spec.classes)\n"
        "    def forward(self, streams):\n"
        "        return self.out(fb.masked_mean(next(iter(streams.values())), streams.mask))\n"
    )
    (tmp_path / "flat_head.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    from flat_head import Flat

    assert is_hashable(Flat)
    assert not fb.run(Flat, **DATA).reused and fb.run(Flat, **DATA).reused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fb.run("agpr", "streams"), "no fusion head named 'agpr'. Did you mean 'arpg'?"),
        (lambda: fb.run("arpg", "streams", epoch=3), "unknown argument 'epoch'. Did you mean 'epochs'?"),
        (lambda: fb.compare([Mean, "concat"], workers=2, **DATA), "can't be handed to other processes"),
        (lambda: fb.run(dict, "streams"), "dict fills no role"),
        (lambda: fb.run(type("Nameless", (Mean,), {"name": ""}), "streams"), "Nameless has no `name`"),
        (lambda: fb.run(type("Mine", (Mean,), {"name": "arpg"}), "streams"), "'arpg' is installed"),
        (lambda: fb.load("nowhere"), "no run 'nowhere'"),
    ],
)
def test_mistakes_are_told_as_on_the_command_line(call, message):
    with pytest.raises(fb.UserError) as refused:
        call()
    assert message in str(refused.value)


@pytest.mark.slow
def test_an_experiment_is_carried_out_from_its_file(tmp_path):
    (tmp_path / "x.yaml").write_text("# Which?\nbase: {dataset: streams}\nvary: {fusion: [concat, late]}\n")
    made = fb.experiment("x.yaml", data_root="watch", epochs=1)
    assert set(made.table()["compared"]) == {"concat", "late"}
    assert made.comparison.experiment.question == "Which?"
