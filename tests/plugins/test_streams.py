"""The ``streams`` dataset: features of any origin through the same protocol as every other set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.build import build, count_parameters, seed_everything, told_of_maps
from fusionbench.bench.load import load
from fusionbench.bench.outcome import FoldOutcome, Outcome
from fusionbench.bench.run import check, run
from fusionbench.bench.source import open_data
from fusionbench.bench.stand_in import make_stand_in
from fusionbench.bench.verify import verify
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, parse_assignment, resolve, resolve_component
from fusionbench.contract.watch import Watch
from fusionbench.data.store_writer import writing
from fusionbench.report.parts_caption import parts_caption
from fusionbench.report.run_table import run_table
from fusionbench.track.records import get_run

LABELS = ("sit", "run", "jump")


def clips(subjects: int = 0, count: int = 48, split=lambda number: "train" if number < 36 else "test"):
    """Sensor-like clips of 4 to 9 frames: the label is the sign pattern of two noisy streams."""
    rng = np.random.default_rng(0)
    for number in range(count):
        label, time = LABELS[number % 3], 4 + number % 6
        first, second = (1 if label == "run" else -1), (1 if label == "jump" else -1)
        made = {
            "id": f"c{number:02d}",
            "label": label,
            "split": split(number),
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
    assert outcome.experiment == "sensors (streams)" and not outcome.stand_in
    assert outcome.config["front_end"]["standardise"]


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_streams_of_generated_data_are_never_taken_for_real(tmp_path):
    fb.write_stream_store(tmp_path / "drawn", clips(), stand_in=True)
    outcome = run(request(tmp_path / "drawn", **{"training.epochs": 1}))
    assert outcome.stand_in and outcome.experiment == "drawn (streams, stand-in)"


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
    assert not {of[i] for i in parts.train.clips} & {of[i] for i in parts.selection.clips}
    fb.write_stream_store(tmp_path / "alone", clips(subjects=1))
    assert loaders(tmp_path / "alone").selection.clips == loaders(store).selection.clips


NEEDS_MORE = {"score_sum": "13312 features"}


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


def test_a_refusal_of_streams_names_the_maps_before_it(wide):
    values = {"fusion.stream": "text", "fusion.parts": [200, 100]}
    config = resolve(request(wide, "score_sum", **values), collect())
    data = open_data(config, Watch())
    with pytest.raises(fb.NotSupported, match=r"stream 'text' has 256.*'text' 256 \(300 as stored\)\.$"):
        build(config, data, load(config, data, data.folds(None)[0]))


@pytest.mark.parametrize("fusion", ["hse_nn", "logistic"])
def test_a_head_that_is_solved_for_reads_narrow_and_wide_streams_as_they_are_stored(wide, store, fusion):
    def built(root: Path, **values):
        config = resolve(request(root, fusion, **values), collect())
        data = open_data(config, Watch())
        model = build(config, data, load(config, data, data.folds(None)[0]))
        return dict(model.spec.dims), count_parameters(model), told_of_maps(config, data)

    said = (
        f"fusion {fusion!r} is solved for, so no map before it can learn: "
        "it reads the streams at the widths they are stored at"
    )
    assert built(wide) == ({"face": 200, "text": 300}, 0, [said])
    assert built(store)[1:] == (0, [said])
    off = {"front_end.widen": None, "front_end.narrow": None}
    assert built(wide, **off) == ({"face": 200, "text": 300}, 0, [])  # nothing is left out


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
        f"{s}/{label}": n for s, n in (("train", 12), ("test", 4)) for label in LABELS
    }
    assert not verified.stand_in and not verified.inventory.problems
    with pytest.raises(fb.UserError, match="leave out --decode"):
        verify(chosen, store, decode=True, watch=Watch())


def opened(root: Path, **values):
    config = resolve(request(root, **values), collect())
    return config, open_data(config, Listening())


class Listening(Watch):
    """Keeps what it is told."""

    def __init__(self):
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.warnings.append(message)


def four_parts(number: int) -> str:
    """24 clips to train on, 12 to validate, 6 and 6 to test."""
    return "train" if number < 24 else "valid" if number < 36 else "test" if number < 42 else "test-seen"


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    fb.write_stream_store(tmp_path / "parted", clips(split=four_parts))
    return tmp_path / "parted"


def sizes(root: Path, **values) -> dict[str, tuple[str, int]]:
    """Part -> its name, its clips."""
    config, data = opened(root, **values)
    parts = load(config, data, data.folds(None)[0]).parts.sizes()
    return {part: (size["name"], size["clips"]) for part, size in parts.items()}


def test_a_validation_part_of_its_own_selects_and_nothing_is_carved(parted):
    assert sizes(parted, **{"dataset.report": "test"}) == {
        "train": ("train", 24),
        "selection": ("selection", 12),
        "report": ("test", 6),
    }


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "devel", "selection"])
def test_the_validation_part_can_be_reported_on_and_then_selects_nothing(parted, name):
    assert sizes(parted, **{"dataset.report": name}) == {
        "train": ("train", 19),
        "selection": ("carved out of train", 5),
        "report": ("val", 12),
    }


def test_of_several_reported_parts_one_has_to_be_chosen(parted):
    with pytest.raises(fb.UserError) as caught:
        opened(parted)
    assert str(caught.value) == (
        f"{parted} has 2 parts to report on. Choose one: --set dataset.report=test (6 clips), "
        "--set dataset.report=test-seen (6 clips), --set dataset.report=val (12 clips)."
    )
    with pytest.raises(
        fb.UserError, match=r"dataset.report=tset: 'tset' is not there. Choose one: --set dataset"
    ):
        opened(parted, **{"dataset.report": "tset"})
    with pytest.raises(fb.UserError, match=r"'train' is what is trained on. Choose one"):
        opened(parted, **{"dataset.report": "train"})


def test_without_a_reported_part_the_validation_part_is_offered(tmp_path):
    fb.write_stream_store(tmp_path / "s", clips(split=lambda n: "train" if n < 36 else "dev"))
    with pytest.raises(
        fb.UserError, match=r"no part to report on\. Choose it: --set dataset.report=val \(12 clips\)"
    ):
        opened(tmp_path / "s")
    fb.write_stream_store(tmp_path / "s", clips(split=lambda n: "train"))
    with pytest.raises(
        fb.UserError, match=r"no part to report on\. All its 48 clips are to be trained on\. Write"
    ):
        opened(tmp_path / "s")


def test_stores_of_two_parts_are_run_as_ever(store):
    assert sizes(store) == {
        "train": ("train", 28),
        "selection": ("carved out of train", 8),
        "report": ("test", 12),
    }


def test_a_run_says_what_it_does_with_each_part(parted):
    watch = Listening()
    open_data(resolve(request(parted, **{"dataset.report": "test"}), collect()), watch)
    assert watch.notes == [
        "trained on 24 clips, selected on 12 clips, reported on 6 clips (test), 3 classes",
        "not used in this run: 6 clips of test-seen",
    ]
    assert watch.warnings == []


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    fb.write_stream_store(tmp_path / "leaking", clips(subjects=7))
    return tmp_path / "leaking"


def test_the_same_people_in_train_and_report_are_told_or_fail(leaking):
    watch = Listening()
    open_data(resolve(request(leaking), collect()), watch)
    told = "subject leak: 7 of 7 reported subjects are also trained on: p0, p1, p2, p3, p4 and 2 more."
    assert watch.warnings == [told]
    with pytest.raises(fb.UserError, match=r"subject leak: 7 of 7 .*Put a subject's clips into one part"):
        opened(leaking, **{"data.on_subject_leak": "fail"})


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_a_leak_stands_with_the_number_wherever_it_is_shown(leaking):
    outcome = run(request(leaking, **{"training.epochs": 1}))
    people = [f"p{k}" for k in range(7)]
    leak = {"subjects": people, "count": 7, "of": 7}
    (fold,) = outcome.plain()["folds"]
    assert fold["subject_leak"] == leak
    assert fold["parts"]["report"] == {"clips": 12, "subjects": 7, "name": "test"}
    record = get_run(outcome.run_id)
    assert record.tags["fusionbench.subject_leak"] == "7 of 7"
    assert record.tags["fusionbench.parts"].endswith("reported on 12 clips of 7 subjects (test)")
    assert read_fold(outcome.run_id).subject_leak == leak
    assert parts_caption([outcome]) == [
        record.tags["fusionbench.parts"],
        "subject leak: 7 of 7 reported subjects are also trained on",
    ]
    caption = str(run_table(outcome).caption)
    assert all(line in caption for line in parts_caption([outcome]))
    harmless = run(request(leaking, **{"training.epochs": 1, "data.on_subject_leak": "tell"}))
    assert harmless.identity == outcome.identity  # what is told is no part of a run


def test_results_of_before_the_parts_were_kept_can_be_read():
    old = FoldOutcome("official", "id", "identity", {}, {}, 0.5, 1, report=..., report_last=...)
    assert old.parts == {} and old.subject_leak is None
    outcome = Outcome("concat/streams/s0", "id", "streams", {}, "identity", False, [old])
    assert parts_caption([outcome]) == []


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_the_unit_of_a_stream_changes_no_digit(tmp_path):
    """Powers of two scale exactly: 2^-40 is as a recording in volts, 2^40 as one in counts."""
    probabilities = []
    for power in (0, -40, 40):
        made = [
            {**c, "streams": {name: 2.0**power * np.float32(s) for name, s in c["streams"].items()}}
            for c in clips()
        ]
        fb.write_stream_store(tmp_path / f"{power}", made)
        (fold,) = run(request(tmp_path / f"{power}", **{"training.epochs": 2})).folds
        probabilities.append(fold.report.log_probabilities.tolist())
    assert probabilities[0] == probabilities[1] == probabilities[2]


def test_what_was_told_when_writing_is_told_by_verify_and_run(tmp_path):
    def damaged():
        for number, made in enumerate(clips()):
            if number == 5:
                made["streams"]["gyroscope"][2, 1] = 3.4e38
            yield made | {"label": made["label"] + " " * (number == 0)}

    with pytest.warns(fb.DataWarning) as written:
        fb.write_stream_store(tmp_path / "s", damaged())
    messages = [str(warning.message) for warning in written]
    assert (
        len(messages) == 2
        and "blanks around their label" in messages[0]
        and "clip 'c05', frame 2" in messages[1]
    )
    watch = Listening()
    open_data(resolve(request(tmp_path / "s"), collect()), watch)
    chosen = resolve_component("dataset", "streams", Request(), collect())
    verified = verify(chosen, tmp_path / "s", decode=False, watch=Watch())
    assert watch.warnings == messages == [finding.message for finding in verified.findings]
    assert not verified.sound and [finding.wrong for finding in verified.findings] == [False, True]


def test_verify_shows_parts_streams_and_leaks(leaking):
    chosen = resolve_component("dataset", "streams", Request(), collect())
    verified = verify(chosen, leaking, decode=False, watch=Watch()).plain()
    assert verified["parts"] == [
        {"name": "train", "clips": 36, "subjects": 7, "classes": {"jump": 12, "run": 12, "sit": 12}},
        {"name": "test", "clips": 12, "subjects": 7, "classes": {"jump": 4, "run": 4, "sit": 4}},
    ]
    assert verified["streams"] == [
        {"name": "gyroscope", "width": 3, "shortest": 4, "median": 6.5, "longest": 9},
        {"name": "barometer", "width": 1, "shortest": 4, "median": 6.5, "longest": 9},
    ]
    (finding,) = verified["findings"]
    assert finding["kind"] == "subject leak" and finding["wrong"] and not verified["sound"]


def test_verify_examines_each_part_where_a_run_would_have_to_choose(tmp_path):
    fb.write_stream_store(tmp_path / "s", clips(subjects=7, split=four_parts))
    chosen = resolve_component("dataset", "streams", Request(), collect())
    verified = verify(chosen, tmp_path / "s", decode=False, watch=Watch())
    choice, first, second = verified.findings
    assert "has 2 parts to report on" in choice.message and not choice.wrong
    assert first.message.startswith("part 'test': subject leak: 6 of 6 reported subjects are also trained on")
    assert second.message.startswith("part 'test-seen': subject leak: 6 of 6") and second.wrong
