"""What is on disk, set against what was published: whatever is missing makes the data unsound."""

from __future__ import annotations

import numpy as np
import pytest

import fusionbench as fb
from fusionbench.bench.verify import Verified, verify
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve_component
from fusionbench.contract.watch import Watch
from tests.plugins.test_rml import make_rml


def verified(root, **options) -> Verified:
    request = Request({f"dataset.{name}": value for name, value in options.items()})
    return verify(resolve_component("dataset", "rml", request, collect()), root, False, Watch())


@pytest.fixture
def rml(tmp_path):
    """Eight people with one clip a class, each a face of its own."""
    root = make_rml(tmp_path)
    for k, image in enumerate(sorted(root.rglob("*.jpg"))):
        fb.write_image(image, np.random.default_rng(k).integers(0, 255, (8, 8, 3), np.uint8))
    return root


def told(found: Verified) -> dict[str, str]:
    return {finding.kind: finding.message for finding in found.findings if finding.wrong}


def test_fewer_clips_than_were_published(rml):
    found = verified(rml)
    assert not found.sound and not found.inventory.problems
    assert told(found)["missing"].startswith(
        "fewer clips than were published: anger 8 of 120, disgust 8 of 120"
    )


def test_classes_that_are_left_out_are_not_missed(rml):
    assert told(verified(rml, classes="happy,sad"))["missing"].endswith(
        ": happiness 8 of 120, sadness 8 of 120."
    )


def test_copies_of_one_person_among_those_of_another(rml):
    one, other = (rml / "rml-1" / person / "an1" / "000001.jpg" for person in ("s1", "s2"))
    for name in ("000001.jpg", "000002.jpg"):
        other.with_name(name).write_bytes(one.with_name(name).read_bytes())
    assert "'s1/an1' (s1) and 's2/an1' (s2)" in told(verified(rml))["equal contents"]


def test_notes_are_told_and_held_against_nobody(rml):
    found = verified(rml)
    assert [f.message for f in found.findings if f.kind == "files"] == [
        "rml-1: 30 clips; 407 were published",
        "rml-2: 18 clips; 313 were published",
    ]
    assert not any(finding.wrong for finding in found.findings if finding.kind == "files")
