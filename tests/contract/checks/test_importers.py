"""The kit, on importers with one planted fault each."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb

OWN = "what is not of its format is refused by name"
RUN = "nothing that a source asks for is run"
CLIPS = "read() gives clips with ids of their own and streams (time, dim)"
FILES = "the files that are read are named"
AGAIN = "reading again gives the same clips"


class Sound(fb.Importer):
    """``{"ID": [[numbers of a frame], ...]}``"""

    name = "sound"

    def read(self, source: Path) -> fb.Contents:
        with fb.reading("clips", source, "Expected is a JSON object of clips."):
            held = json.loads(fb.read_regular(source, 1_000_000))
            if not isinstance(held, dict):
                raise fb.Unreadable("it holds no object")
        return fb.Contents([self.clip(n, v) for n, v in held.items()], [source], len(held), ["label"])

    def clip(self, name: str, frames: list) -> fb.SourceClip:
        return fb.SourceClip(name, {"x": np.array(frames, float)}, {"label": name})


class Raw(Sound):
    """Lets what goes wrong through as it came."""

    def read(self, source):
        held = json.loads(source.read_bytes())
        return fb.Contents([self.clip(n, v) for n, v in held.items()], [source], None, ["label"])


class Trusting(Sound):
    """Loads pickles."""

    def read(self, source):
        with fb.reading("clips", source, ""):
            if source.suffix == ".pkl":
                pickle.loads(source.read_bytes())
        return super().read(source)


class OneId(Sound):
    def clip(self, name, frames):
        return super().clip("same", frames)


class Flat(Sound):
    def clip(self, name, frames):
        return fb.SourceClip(name, {"x": np.ravel(frames)}, {"label": name})


class OtherLabel(Sound):
    def clip(self, name, frames):
        return fb.SourceClip(name, {"x": np.array(frames)}, {"emotion": name})


class Miscounts(Sound):
    def read(self, source):
        contents = super().read(source)
        contents.total += 1
        return contents


class NoFiles(Sound):
    def read(self, source):
        contents = super().read(source)
        contents.files = []
        return contents


class Shuffles(Sound):
    def read(self, source):
        contents = super().read(source)
        contents.clips = sorted(contents.clips, key=lambda clip: os.urandom(8))
        return contents


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "clips.json"
    path.write_text(json.dumps({f"c{k}": [[k, 1], [k, 2]] for k in range(30)}))
    return path


def broken(importer: type[fb.Importer], source: Path | None) -> dict[str, str]:
    return {f.rule: f.detail for f in fb.testing.rules(importer, root=source) if f.state == "broken"}


def test_a_sound_importer_breaks_nothing(source):
    assert broken(Sound, source) == {}


def test_without_a_source_the_rules_that_need_one_are_skipped():
    states = {f.rule: f.state for f in fb.testing.rules(Sound)}
    assert states == {OWN: "passed", RUN: "passed", CLIPS: "skipped", FILES: "skipped", AGAIN: "skipped"}


@pytest.mark.parametrize(
    ("importer", "rules", "said"),
    [
        (Raw, {OWN, RUN}, "FileNotFoundError"),
        (Trusting, {RUN}, "what a pickle in 'label.pkl' asks for was run"),
        (OneId, {CLIPS}, "1 id(s) are given to more than one clip, such as 'same'"),
        (Flat, {CLIPS}, "clip 'c0', stream 'x' is (4,); expected numbers (time, dim)"),
        (OtherLabel, {CLIPS}, "has label 'emotion', which Contents.labels does not list"),
        (Miscounts, {CLIPS}, "total is 31; 30 clips came and 0 were left out"),
        (NoFiles, {FILES}, "files is []"),
        (Shuffles, {AGAIN}, "a second reading gave other clips, or another order"),
    ],
)
def test_a_planted_fault_is_named(source, importer, rules, said):
    found = broken(importer, source)
    assert set(found) == rules
    assert said in " ".join(found.values())
