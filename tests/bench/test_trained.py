"""A run's model is kept whole: loaded again it gives the run's digits; what is damaged is named."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import fusionbench as fb
from fusionbench.bench.artifacts import read_fold
from fusionbench.bench.build import build, seed_everything
from fusionbench.bench.load import load
from fusionbench.bench.model_file import DESCRIPTION, WEIGHTS
from fusionbench.bench.run import run
from fusionbench.bench.source import open_data
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.watch import Watch
from fusionbench.track.records import read_file
from tests import fakes

LABELS = ("sit", "run", "jump")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams of 3, 1 and 300 channels in odd units; clips of 4 to 9 frames."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("streams") / "sensors"
    fb.write_stream_store(
        path,
        (
            {
                "id": f"c{k:02d}",
                "label": LABELS[k % 3],
                "split": "train" if k < 36 else "report",
                "streams": {
                    "keys": 1e-4 * rng.normal(k % 3, 1, (4 + k % 6, 3)),
                    "1": 1000 + 30 * rng.normal(k % 3, 1, (4 + k % 6, 1)),
                    "text": rng.normal(k % 2, 1, (4 + k % 6, 300)),
                },
            }
            for k in range(48)
        ),
    )
    return path


def asked(store: Path, fusion: str = "concat", **values) -> Request:
    return Request(
        {"fusion": fusion, "dataset": "streams", "data.root": store, "training.epochs": 2, **values}
    )


def report_batches(request: Request, catalog=None):
    """The report split as the run's own loader gives it: raw, as stored."""
    config = resolve(request, catalog or collect())
    data = open_data(config, Watch())
    return load(config, data, data.folds(config.options.fold)[0]).report


def streams_of(batch: fb.ClipBatch) -> fb.Streams:
    return fb.Streams(batch.arrays, batch.mask)


def log_probabilities(model: fb.TrainedModel, batches) -> list[list[float]]:
    return torch.cat([model(batch).float().log_softmax(-1) for batch in batches]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fusion", "values"),
    [
        ("concat", {}),  # standardised, two streams widened, one narrowed
        ("arpg", {"front_end.standardise": False}),
        ("late", {"fusion.weighting": "grid"}),  # chooses on the selection split
        ("est", {"fusion.dim": 32, "fusion.ffn": 32, "fusion.layers": 1}),  # attention of torch's own
        ("hse_nn", {}),  # solved for: no map before it
        ("logistic", {}),
        ("gru", {"sampling.frames": 4}),  # takes some frames of each clip
    ],
)
def test_raw_streams_give_the_digits_of_the_run(store, fusion, values):
    request = asked(store, fusion, **values)
    outcome = run(request)
    model = fb.load_model(outcome.run_id)
    kept = read_fold(outcome.run_id).report.log_probabilities.tolist()
    if "sampling.frames" in values:  # whole clips go in, and the model takes the frames
        batches = list(report_batches(asked(store, fusion)))
    else:
        batches = list(report_batches(request))
    assert len(batches) > 1
    assert log_probabilities(model, map(streams_of, batches)) == kept
    assert log_probabilities(model, batches) == kept
    assert model.classes == ("jump", "run", "sit")
    assert model.streams == {"keys": 3, "1": 1, "text": 300}
    assert model.config == outcome.config and model.about.run_id == outcome.run_id


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainable", "inputs"),
    [
        ("relation", {"appearance": (128,), "map": (32, 12, 12)}),
        ("all", {"frames": (3, 48, 48)}),
    ],
)
def test_a_front_end_that_learnt_is_kept_and_takes_what_it_took(trainable, inputs):
    catalog = fakes.catalog()
    request = Request(
        {
            "fusion": "concat",
            "dataset": "squares",
            "fold": "s0",
            "training.epochs": 1,
            "front_end.trainable": trainable,
        }
    )
    outcome = run(request, catalog=catalog)
    model = fb.load_model(outcome.run_id)  # the dataset is not installed, and not needed
    kept = read_fold(outcome.run_id).report.log_probabilities.tolist()
    batches = list(report_batches(request, catalog))
    shapes = {name: tuple(array.shape[2:]) for name, array in batches[0].arrays.items()}
    assert model.inputs == shapes and set(inputs) == set(shapes)
    assert log_probabilities(model, batches) == kept
    plain = [model(dict(batch.arrays), batch.mask).log_softmax(-1) for batch in batches]
    assert torch.cat(plain).tolist() == kept


@pytest.fixture(scope="module")
def kept(store, tmp_path_factory, template) -> Path:
    """The artifact folder of a finished run."""
    place = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        shutil.copy(template, place / "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{place / 'mlflow.db'}")
        patch.chdir(place)
        outcome = run(asked(store))
        return Path(shutil.copytree(read_file(outcome.run_id, "model"), place / "model"))


@pytest.fixture
def files(kept, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(kept, tmp_path / "model"))


def given(batch: int = 2, time: int = 5, **changed) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    arrays = {name: torch.randn(batch, time, dim) for name, dim in {"keys": 3, "1": 1, "text": 300}.items()}
    return {name: value for name, value in {**arrays, **changed}.items() if value is not None}


def test_a_folder_and_either_file_are_the_same_model(files):
    folder, weights, description = (
        fb.load_model(path) for path in (files, str(files / WEIGHTS), files / DESCRIPTION)
    )
    x = fb.Streams(given())
    assert torch.equal(folder(x), weights(x)) and torch.equal(folder(x), description(x))
    assert {name.split(".")[0] for name in folder.state_dict()} == {"front_end", "head"}
    assert isinstance(folder, torch.nn.Module) and isinstance(folder.head, fb.FusionHead)


def test_it_stays_in_eval_mode_and_takes_no_gradient(files):
    model = fb.load_model(files).train()
    assert not any(part.training for part in model.modules())
    assert torch.equal(model(given()), model(given())) and not model(given()).requires_grad


def test_probabilities_sum_to_one_and_padding_and_order_of_names_change_nothing(files):
    model, x = fb.load_model(files), given()
    sure = model.predict(x)
    assert sure.shape == (2, 3) and torch.allclose(sure.sum(-1), torch.ones(2))
    padded = {name: torch.nn.functional.pad(v, (0, 0, 0, 2), value=torch.nan) for name, v in x.items()}
    mask = (torch.arange(7) < 5).expand(2, 7)
    torch.testing.assert_close(model.predict(padded, mask), sure)
    torch.testing.assert_close(model.predict(fb.Streams(padded, mask)), sure)
    torch.testing.assert_close(model.predict(dict(reversed(x.items()))), sure)
    torch.testing.assert_close(model.predict({name: v.double() for name, v in x.items()}), sure)


def test_loading_draws_no_random_number(files):
    torch.manual_seed(3)
    fb.load_model(files)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))


LATE = torch.tensor([[True, False, True, True, True], [True] * 5])


@pytest.mark.parametrize(
    ("clips", "mask", "message"),
    [
        (given(text=None), None, r"takes keys \(batch, time, 3\), .*; 'text' is missing. Got keys, 1"),
        (given(pose=torch.zeros(2, 5, 1)), None, "'pose' is not among them"),
        (given(text=torch.zeros(2, 5, 64)), None, r"'text' is \(2, 5, 64\); expected .*\(batch, time, 300\)"),
        (given(text=torch.zeros(2, 4, 300)), None, r"with \(batch, time\) = \(2, 5\)"),
        (given(text=np.zeros((2, 5, 300))), None, "'text' is ndarray; expected a tensor"),
        (given(keys=torch.full((2, 5, 3), torch.nan)), None, "'keys' holds NaN or infinity in a real frame"),
        (given(keys=[[[1.0, 2.0, 3.0]]]), None, "'keys' is list; expected a tensor"),
        (given(), torch.ones(2, 5), "the mask is torch.float32"),
        (given(), torch.zeros(2, 5, dtype=torch.bool), "a clip has no real frame"),
        (given(), LATE, "real frames come first"),
        ([1, 2], None, "takes fb.Streams or a mapping of tensors, not list"),
    ],
)
def test_what_does_not_fit_is_told(kept, clips, mask, message):
    with pytest.raises(fb.UserError, match=message):
        fb.load_model(kept)(clips, mask)


def edit(files: Path, **changed) -> None:
    about = json.loads((files / DESCRIPTION).read_text())
    (files / DESCRIPTION).write_text(json.dumps({**about, **changed}))


def head(files: Path, **changed) -> dict:
    return {**json.loads((files / DESCRIPTION).read_text())["fusion"], **changed}


def other_weights(files):
    tensors = safetensors.torch.load_file(files / WEIGHTS)
    safetensors.torch.save_file({n: t + 1 for n, t in tensors.items()}, files / WEIGHTS)


def resealed(files, content: bytes) -> None:
    """Damage whose hash is right."""
    import hashlib

    (files / WEIGHTS).write_bytes(content)
    edit(files, sha256=hashlib.sha256(content).hexdigest())


def without_one(files):
    tensors = safetensors.torch.load_file(files / WEIGHTS)
    tensors.pop("front_end.maps.0.weight")
    resealed(files, safetensors.torch.save(tensors))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / WEIGHTS).unlink(), r"no file .*model\.safetensors"),
        (lambda f: (f / DESCRIPTION).unlink(), r"no file .*model\.json"),
        (
            lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9]),
            r"model\.safetensors is not the file",
        ),
        (other_weights, r"model\.safetensors is not the file that .*model\.json describes"),
        (lambda f: resealed(f, b"\xff" * 100), r"model\.safetensors is no safetensors file"),
        (without_one, r"model\.safetensors does not fit Concat .*front_end\.maps\.0\.weight"),
        (lambda f: (f / DESCRIPTION).write_text("{"), r"model\.json does not describe a model"),
        (lambda f: (f / DESCRIPTION).write_bytes(b"\xff\xfe{}"), r"model\.json does not describe a model"),
        (lambda f: (f / DESCRIPTION).write_text("[" * 100_000), r"model\.json does not describe a model"),
        (lambda f: (f / DESCRIPTION).write_text("[1]"), "it has no format number"),
        (lambda f: edit(f, format=99), "has format 99; this fusionbench reads up to 2.*upgrade"),
        (lambda f: edit(f, classes=[]), r"model\.json does not describe a model: classes"),
        (lambda f: edit(f, more=1), r"model\.json does not describe a model: more"),
        (
            lambda f: edit(f, fusion=head(f, plugin="cat", version="2.0")),
            r"model\.json needs fusion head 'cat', version 2\.0: no fusion head named 'cat'",
        ),
        (
            lambda f: edit(f, fusion=head(f, options={"width": 3})),
            "fusion head 'concat' no longer takes its options: width",
        ),
        (lambda f: edit(f, front_end={}, inputs=[]), r"model\.json does not describe a model: inputs"),
        (
            lambda f: edit(f, streams=[{"name": "keys", "shape": [7]}]),
            r"model\.safetensors does not fit Concat as it is built here: .*size mismatch",
        ),
        (
            lambda f: edit(f, fusion=head(f, plugin="mult", options={"heads": 7})),
            r"model\.json describes a model that cannot be built here: fusion 'concat' does not fit",
        ),
    ],
)
def test_what_is_damaged_or_missing_is_named(files, damage, message):
    damage(files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(fb.UserError, match=message):
            fb.load_model(files)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda f: {"fusion": head(f, code="0" * 64)}, r"fusion head 'concat' \(was 0\.1\.0, is 0\.1\.0\)"),
        (lambda f: {"fusion": head(f, version="0.0.9")}, r"fusion head 'concat' \(was 0\.0\.9, is 0\.1\.0\)"),
        (lambda f: {"toolkit": "0" * 64, "fusionbench": "0.0.9"}, r"fusionbench \(was 0\.0\.9\)"),
    ],
)
def test_other_code_than_then_is_warned_about(files, changed, said):
    edit(files, **changed(files))
    with pytest.warns(UserWarning, match=f"code has changed since this model was trained: {said}"):
        fb.load_model(files)


def test_what_is_no_run_and_no_path_is_told():
    with pytest.raises(fb.UserError, match="no model at 'nowhere': it is no file or folder, and no run id"):
        fb.load_model("nowhere")
    with pytest.raises(fb.UserError, match="no run '0123456789abcdef0123456789abcdef' at"):
        fb.load_model("0123456789abcdef" * 2)


@pytest.mark.slow
def test_of_several_folds_each_has_its_model():
    request = Request({"fusion": "concat", "dataset": "squares", "training.epochs": 1})
    outcome = run(request, catalog=fakes.catalog())
    with pytest.raises(fb.UserError, match=r"3 runs beneath it have\. Give the id of one of them") as caught:
        fb.load_model(outcome.run_id)
    assert outcome.folds[1].run_id in str(caught.value)
    assert fb.load_model(outcome.folds[1].run_id).about.fold == "s1"


class Wordy(fakes.PerFrame):
    """Keeps a text beside its tensors."""

    name = "wordy"

    def forward(self, streams):
        return fb.masked_mean(super().forward(streams), streams.mask)

    def get_extra_state(self):
        return "a text"

    def set_extra_state(self, state):
        pass


def test_a_head_whose_state_is_no_tensor_is_told_before_training(store):
    config = resolve(asked(store), collect())
    chosen = type(config.fusion)(**{**vars(config.fusion), "cls": Wordy, "options": Wordy.Config()})
    config = type(config)(**{**vars(config), "fusion": chosen})
    seed_everything(config)
    data = open_data(config, Watch())
    with pytest.raises(fb.UserError, match=r"'head._extra_state' of Model is no plain tensor \(str\)"):
        build(config, data, load(config, data, data.folds(None)[0]))
