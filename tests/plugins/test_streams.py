"""The ``streams`` dataset: features of any origin through the same protocol as every other set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.build import build, seed_everything
from fusionbench.bench.load import load
from fusionbench.bench.run import check, run
from fusionbench.bench.source import make_stand_in, open_data
from fusionbench.bench.verify import verify
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, parse_assignment, resolve, resolve_component
from fusionbench.contract.watch import Watch
from fusionbench.data.store_writer import writing

LABELS = ("sit", "run", "jump")


def clips(subjects: int = 0, count: int = 48):
    """Sensor-like clips of 4 to 9 frames: the label is the sign pattern of two noisy streams."""
    rng = np.random.default_rng(0)
    for number in range(count):
        label, time = LABELS[number % 3], 4 + number % 6
        first, second = (1 if label == "run" else -1), (1 if label == "jump" else -1)
        made = {
            "id": f"c{number:02d}",
            "label": label,
            "split": "train" if number < count * 3 // 4 else "test",
            "streams": {
                "gyroscope": first * 3 + rng.normal(size=(time, 3)),
                "barometer": 1000 + second * 30 + 10 * rng.normal(size=(time, 1)),
            },
        }
        if subjects:
            made["subject"] = f"p{number % subjects}"
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Path:
    fb.write_stream_store(tmp_path / "sensors", clips())
    return tmp_path / "sensors"


def request(root: Path, fusion: str = "concat", **values) -> Request:
    return Request({"fusion": fusion, "dataset": "streams", "data.root": root, **values})


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_a_run_learns_what_is_in_the_streams_and_judges_the_report_clips(store):
    outcome = run(request(store, **{"training.epochs": 20}))
    (fold,) = outcome.folds
    assert fold.report.ids == tuple(f"c{number:02d}" for number in range(36, 48))
    assert outcome.metrics["report/accuracy"] == 1.0
    assert outcome.experiment == "streams" and not outcome.stand_in
    assert outcome.config["front_end"]["standardise"]


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_streams_of_generated_data_are_never_taken_for_real(tmp_path):
    fb.write_stream_store(tmp_path / "drawn", clips(), stand_in=True)
    outcome = run(request(tmp_path / "drawn", **{"training.epochs": 1}))
    assert outcome.stand_in and outcome.experiment == "streams (stand-in)"


def test_classes_are_the_training_labels_in_alphabetical_order(store):
    data = open_data(resolve(request(store), collect()), Watch())
    assert data.dataset.classes == ("jump", "run", "sit")
    assert list(data.arrays) == ["gyroscope", "barometer"]


def test_defaults_of_small_sets_are_in_the_config_with_their_origin(store):
    config = check(request(store))
    assert config.options.sampling.frames is None
    assert config.origins["sampling.frames"] == "protocol of dataset streams"
    for key in (
        "front_end.widen",
        "front_end.narrow",
        "training.epochs",
        "training.lr",
        "training.weight_decay",
    ):
        assert config.origins[key] == "default of dataset streams"
    assert check(request(store, **{"training.epochs": 7})).options.training.epochs == 7


def loaders(root: Path, **values):
    config = resolve(request(root, **values), collect())
    data = open_data(config, Watch())
    return load(config, data, data.folds(None)[0])


def test_whole_sequences_by_default_sampled_ones_on_request(store):
    whole, sampled = loaders(store), loaders(store, **{"sampling.frames": 4})
    assert whole.max_time == 9 and sampled.max_time == 4
    lengths = [time for batch in whole.report for time in batch.mask.sum(1).tolist()]
    assert lengths == [4 + number % 6 for number in range(36, 48)]


def test_the_selection_split_is_stratified_and_keeps_known_subjects_together(tmp_path, store):
    parts = loaders(store)
    assert all(
        2 <= clips_of_label <= 3 for clips_of_label in Counter(parts.selection.labels.tolist()).values()
    )
    fb.write_stream_store(tmp_path / "people", clips(subjects=7))
    parts = loaders(tmp_path / "people")
    of = {c["id"]: c["subject"] for c in clips(subjects=7)}
    assert not {of[i] for i in parts.train.ids} & {of[i] for i in parts.selection.ids}
    fb.write_stream_store(tmp_path / "alone", clips(subjects=1))
    assert loaders(tmp_path / "alone").selection.ids == loaders(store).selection.ids


NEEDS_MORE = {"score_sum": "13312 features", "hse_nn": "front_end.widen=null"}


@pytest.mark.slow
@pytest.mark.parametrize("fusion", sorted(collect().components["fusion"]))
def test_every_head_takes_streams_of_three_channels_and_one(store, fusion):
    config = resolve(request(store, fusion), collect())
    seed_everything(config)
    data = open_data(config, Watch())
    parts = load(config, data, data.folds(None)[0])
    if fusion in NEEDS_MORE:
        with pytest.raises(fb.NotSupported, match=NEEDS_MORE[fusion]):
            build(config, data, parts)
    else:
        build(config, data, parts)  # tries a batch


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A stream of 200 channels, which is within bounds, and one of 300, which is not."""
    rng = np.random.default_rng(0)
    fb.write_stream_store(
        tmp_path / "wide",
        (
            {
                "id": f"c{k}",
                "label": LABELS[k % 3],
                "split": "train" if k < 18 else "report",
                "streams": {"face": rng.normal(size=(4, 200)), "text": rng.normal(size=(4, 300))},
            }
            for k in range(24)
        ),
    )
    return tmp_path / "wide"


class Notes(Watch):
    def __init__(self):
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_wide_streams_are_narrowed_and_the_run_says_so(wide):
    watch = Notes()
    outcome = run(request(wide, "arpg", **{"training.epochs": 1}), watch)
    said = "stream 'text' (300) is mapped to 256; off: --set front_end.narrow=null"
    assert [note for note in watch.notes if "mapped" in note] == [said]
    arpg = collect().get("fusion", "arpg").cls
    spec = fb.StreamSpec({"face": 200, "text": 256}, 3, 4)
    head = sum(p.numel() for p in arpg(spec, arpg.Config()).parameters())
    assert outcome.cost["head_params"] == head
    assert outcome.cost["params"] == head + 300 * 256 + 256  # streams within bounds have no map
    watch = Notes()
    off = run(request(wide, "arpg", **{"training.epochs": 1, "front_end.narrow": None}), watch)
    assert off.cost["params"] == off.cost["head_params"] and not [n for n in watch.notes if "mapped" in n]


def test_a_head_that_is_solved_for_is_told_which_maps_are_in_its_way(wide, store):
    def refused(root: Path, fusion: str = "hse_nn", **values) -> str:
        config = resolve(request(root, fusion, **values), collect())
        data = open_data(config, Watch())
        with pytest.raises(fb.NotSupported) as caught:
            build(config, data, load(config, data, data.folds(None)[0]))
        return str(caught.value)

    said = refused(wide)
    assert (
        "the map of stream 'text' from 300 to 256 channels would. Off: --set front_end.narrow=null." in said
    )
    assert "widen" not in said
    said = refused(store)
    assert "'gyroscope' from 3 to 64 channels, stream 'barometer' from 1 to 64" in said
    assert said.endswith("Off: --set front_end.widen=null.")
    said = refused(wide, **{"front_end.widen": 250})
    assert said.endswith("Off: --set front_end.narrow=null --set front_end.widen=null.")
    said = refused(wide, "score_sum", **{"fusion.stream": "text", "fusion.parts": [200, 100]})
    assert "stream 'text' has 256" in said and said.endswith("'text' 256 (300 as stored).")


def test_bounds_that_contradict_are_refused(store):
    with pytest.raises(fb.UserError, match=r"front_end\.narrow = 32.*at least front_end\.widen, which is 64"):
        resolve(request(store, **{"front_end.narrow": 32}), collect())
    resolve(request(store, **{"front_end.narrow": 32, "front_end.widen": 32}), collect())


def test_a_stream_that_is_called_like_a_number_is_named_by_it(tmp_path):
    config = resolve(request(tmp_path, "single", **dict([parse_assignment("fusion.stream=1")])), collect())
    assert config.fusion.options.stream == "1"


def test_what_is_no_store_is_told_what_to_do(tmp_path, store):
    with pytest.raises(fb.UserError, match=r"no streams at .*nothing.*fb\.write_stream_store\(PATH, clips\)"):
        open_data(resolve(request(tmp_path / "nothing"), collect()), Watch())
    with writing(tmp_path / "faces", "frames") as writer:
        writer.append(fb.Clip("a", "x", "train"), {"frames": np.zeros((1, 3, 2, 2), np.uint8)})
        writer.finish({}, stand_in=False)
    with pytest.raises(fb.UserError, match="is a store of frames, not of streams"):
        open_data(resolve(request(tmp_path / "faces"), collect()), Watch())
    with pytest.raises(fb.UserError, match="'streams' has no stand-in"):
        open_data(resolve(request(store, **{"data.stand_in": True}), collect()), Watch())
    chosen = resolve_component("dataset", "streams", Request(), collect())
    with pytest.raises(fb.UserError, match="'streams' has no stand-in"):
        make_stand_in(chosen, tmp_path / "out", Watch())


def test_verify_counts_clips_and_says_that_there_is_nothing_to_decode(store):
    chosen = resolve_component("dataset", "streams", Request(), collect())
    verified = verify(chosen, store, decode=False, watch=Watch())
    assert verified.inventory.found == {
        f"{s}/{label}": n for s, n in (("train", 12), ("report", 4)) for label in LABELS
    }
    assert not verified.stand_in and not verified.inventory.problems
    with pytest.raises(fb.UserError, match="leave out --decode"):
        verify(chosen, store, decode=True, watch=Watch())
