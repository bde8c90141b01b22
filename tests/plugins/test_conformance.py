"""Every registered component keeps the rules of its role: the kit that strangers run, run on ours."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.authoring.check import conformance
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve_component
from tests.plugins import writers

SMALL = {  # the rules are about structure, so the widths may be small
    "efficientnet_b0": {"input_size": 96, "map": "blocks.2"},
    "est": {"dim": 32, "ffn": 32, "layers": 1},
    "expression_net": {"weights": None},  # those that are released have to be brought
    "face_net": {"weights": None},
    "former_dfer": {"dim": 32, "head_dim": 8, "ffn": 32},
    "inception_resnet_v1": {"input_size": 96},
    "mult": {"dim": 10, "layers": 1},
    "score_sum": {"parts": (16, 8, 8)},
    "temma": {"dim": 32, "ffn": 32, "blocks": 1, "levels": 2},
}
HEAVY = {"five_cnns"}
"""326 million parameters, a minute: left to `fusionbench check backbone five_cnns`"""
OTHERWISE = [  # options that take another path through the code
    ("arpg", {"trs": None, "layers": 2}),
    ("arpg", {"stream_specific_w": True, "mean_then_sigma": False}),
    ("blstm", {"bidirectional": False, "dropout": 0.5}),
    ("concat", {"classifier": "linear"}),
    ("late", {"weighting": "grid"}),
    ("late", {"weighting": "learned"}),
    ("mult", {"dim": 10, "layers": 1, "causal": False, "official": True}),
    ("multi_attention", {"combine": "concat", "width": 16}),
    ("temma", {"dim": 32, "ffn": 32, "blocks": 1, "embed": "spatial", "past": 2, "future": 1}),
]


def installed(kind: str) -> list[str]:
    return collect().names(kind)


def held(kind: str, name: str, options: dict) -> None:
    cls = collect().get(kind, name).cls
    fb.testing.check(cls, cls.Config(**options), compile=False)


@pytest.mark.parametrize("name", installed("fusion"))
def test_fusion_heads(name):
    held("fusion", name, SMALL.get(name, {}))


@pytest.mark.parametrize("name", installed("fusion"))
def test_fusion_heads_take_streams_of_any_name(name):
    cls = collect().get("fusion", name).cls
    config = cls.Config(**SMALL.get(name, {}))
    found = {finding.rule: finding for finding in fb.testing.rules(cls, config, compile=False)}
    held = found["takes streams of any name"]
    assert (held.state, held.detail) == ("passed", "keys, type, 1")


@pytest.mark.parametrize(("name", "options"), OTHERWISE)
def test_fusion_heads_with_other_options(name, options):
    held("fusion", name, options)


@pytest.mark.parametrize("name", installed("relation"))
def test_relation_encoders(name):
    held("relation", name, {})


@pytest.mark.parametrize("graph", ["ra_uwml", "ddrgcn", "chang"])
def test_graphs_of_the_relation_encoder(graph):
    held("relation", "region_gat", {"graph": graph, "width": 16, "weights": None})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(installed("backbone")) - HEAVY))
def test_backbones(name):
    held("backbone", name, SMALL.get(name, {}))


GENERATED = [n for n in installed("dataset") if collect().get("dataset", n).cls.stand_in_plan() is not None]


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED)
def test_datasets(name):
    verdict = conformance(resolve_component("dataset", name, Request(), collect()))
    assert [finding for finding in verdict.findings if finding.state == "broken"] == []


def test_streams_of_any_origin(tmp_path):
    rng = np.random.default_rng(0)
    fb.write_stream_store(
        tmp_path / "store",
        (
            {
                "id": f"{split}/{k}",
                "label": ("calm", "glad")[k % 2],
                "split": split,
                "subject": f"{split}{k // 2}",
                "streams": {"audio": rng.normal(size=(5, 3)), "text": rng.normal(size=(5, 4))},
            }
            for split in ("train", "report")
            for k in range(4)
        ),
    )
    fb.testing.check(collect().get("dataset", "streams").cls, root=tmp_path / "store")


SOURCES = {
    "crema_d_votes": lambda folder: writers.write_votes(folder / "tabulatedVotes.csv"),
    "csd": lambda folder: writers.write_csds(folder / "mosi"),
    "merbench": lambda folder: writers.write_merbench(folder / "mer"),
    "mmsa": lambda folder: writers.write_mmsa(folder / "aligned.pkl"),
    "multibench": lambda folder: writers.write_multibench(folder / "raw.pkl"),
    "npz": lambda folder: writers.write_npz(folder / "mine.npz"),
    "openface": lambda folder: writers.write_openfaces(folder / "csvs"),
    "opensmile": lambda folder: writers.write_opensmile(folder / "functionals"),
    "table": lambda folder: writers.write_table(folder / "frames.csv"),
    "ts": lambda folder: writers.write_motions(folder / "Motions"),
}


@pytest.mark.parametrize("name", installed("importer"))
def test_importers(name, tmp_path):
    findings = fb.testing.rules(collect().get("importer", name).cls, root=SOURCES[name](tmp_path))
    assert [(f.rule, f.detail) for f in findings if f.state != "passed"] == []


def test_every_dataset_is_held_to_the_rules():
    elsewhere = {"streams", "frames"}  # above; and on a prepared store, in test_frames.py
    assert {*GENERATED, *elsewhere} == set(installed("dataset"))
