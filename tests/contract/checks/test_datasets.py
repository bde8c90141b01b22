"""The kit, on datasets with one planted fault each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fusionbench as fb

SCANNED = "scan() lists clips with ids of their own and known labels"
AGAIN = "scanning again, or elsewhere, gives the same clips"
PIXELS = "scan() reads no pixel"
DECODED = "read() gives uint8 frames (time, 3, height, width)"
BAD = "a file that cannot be decoded is a BadClip"
DISJOINT = "folds are disjoint, and every reported clip is reported equally often"
FOLLOWED = "folds follow from the clips they are given"
SUBJECTS = "no subject is on both sides of a fold"


class Sound(fb.Dataset):
    """``<subject>-<label>-<k>/<frame>.png``; each subject is a fold."""

    name = "sound"
    classes = ("calm", "glad")

    def scan(self) -> fb.Inventory:
        return fb.Inventory(tuple(self.clip(folder) for folder in sorted(self.root.iterdir())))

    def clip(self, folder: Path) -> fb.Clip:
        subject, label, _ = folder.name.split("-")
        files = tuple(f"{folder.name}/{file.name}" for file in sorted(folder.iterdir()))
        return fb.Clip(folder.name, label, "", subject, files)

    def read(self, clip: fb.Clip) -> fb.ClipFrames:
        return fb.ClipFrames(fb.read_images([self.root / name for name in clip.files]))

    def folds(self, clips):
        subjects = sorted({clip.subject for clip in clips})
        return [
            fb.Fold(
                one,
                tuple(sorted(clip.id for clip in clips if clip.subject != one)),
                tuple(sorted(clip.id for clip in clips if clip.subject == one)),
            )
            for one in subjects
        ]


class NewLabel(Sound):
    """Not the labels it declares."""

    classes = ("calm", "angry")


class OneId(Sound):
    """The label is no id."""

    def clip(self, folder):
        clip = super().clip(folder)
        return fb.Clip(clip.label, clip.label, clip.split, clip.subject, clip.files)


class WholePaths(Sound):
    """Ids that name the machine."""

    def clip(self, folder):
        clip = super().clip(folder)
        return fb.Clip(str(folder), clip.label, clip.split, clip.subject, clip.files)


class OpensFrames(Sound):
    """Leaves out clips whose first frame is dark."""

    def scan(self):
        clips = super().scan().clips
        return fb.Inventory(tuple(c for c in clips if (self.root / c.files[0]).stat().st_size))


class FloatFrames(Sound):
    """Frames between 0 and 1."""

    def read(self, clip):
        return fb.ClipFrames(super().read(clip).frames / 255)


class EmptyFrames(Sound):
    """Never looks at what it reads."""

    def read(self, clip):
        return fb.ClipFrames(np.zeros((len(clip.files), 3, 8, 8), dtype=np.uint8))


class TrainsOnAll(Sound):
    """Every fold trains on all clips."""

    def folds(self, clips):
        everything = tuple(clip.id for clip in clips)
        return [fb.Fold(fold.name, everything, fold.report) for fold in super().folds(clips)]


class SelectsOnReported(Sound):
    """Its validation part is what is reported."""

    def folds(self, clips):
        return [fb.Fold(f.name, f.train, f.report, selection=f.report[:1]) for f in super().folds(clips)]


class ReportsTwice(Sound):
    """Two folds report the same subject."""

    def folds(self, clips):
        first, *others = super().folds(clips)
        return [first, *others, fb.Fold("again", first.train, first.report)]


class Remembers(Sound):
    """Folds of all clips, also of those that could not be read."""

    def folds(self, clips):
        return super().folds(self.scan().clips)


class MadeUpMetric(Sound):
    """Its protocol is judged by what nobody computes."""

    protocol = fb.Protocol(headline="auc")


class HalfAndHalf(Sound):
    """Every other clip is reported, whoever it shows."""

    def folds(self, clips):
        ids = sorted(clip.id for clip in clips)
        return [fb.Fold("halves", tuple(ids[::2]), tuple(ids[1::2]))]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("files")
    for subject in ("ann", "bob", "eve"):
        for label in Sound.classes:
            for k in range(2):
                folder = root / f"{subject}-{label}-{k}"
                folder.mkdir()
                for frame in range(3):
                    fb.write_image(folder / f"{frame}.png", np.full((8, 8, 3), 40 * frame, dtype=np.uint8))
    return root


def broken(dataset: type[fb.Dataset], root: Path) -> dict[str, str]:
    return {f.rule: f.detail for f in fb.testing.rules(dataset, root=root) if f.state == "broken"}


def test_a_sound_dataset_breaks_nothing(files):
    assert broken(Sound, files) == {}


@pytest.mark.parametrize(
    ("dataset", "rules", "said"),
    [
        (NewLabel, {SCANNED}, "is labelled 'glad'; expected one of ('calm', 'angry')"),
        (MadeUpMetric, {SCANNED}, "protocol names metric 'auc', which is not known"),
        (OneId, {SCANNED}, "2 id(s) are given to more than one clip, such as 'calm'"),
        (WholePaths, {AGAIN, PIXELS}, "a scan of the folder moved elsewhere found 12 clips"),
        (OpensFrames, {PIXELS}, "a scan with all clips' files emptied found 0 clips"),
        (FloatFrames, {DECODED}, "are float64 (3, 3, 8, 8); expected uint8"),
        (EmptyFrames, {BAD}, "was read from empty files; expected fusionbench.BadClip"),
        (TrainsOnAll, {DISJOINT, SUBJECTS}, "fold 'ann' trains on 4 clips that it reports"),
        (SelectsOnReported, {DISJOINT, SUBJECTS}, "fold 'ann' selects on 1 clips that it reports"),
        (ReportsTwice, {DISJOINT}, "is reported 2 times, others less often"),
        (Remembers, {FOLLOWED}, "a clip that could not be read"),
        (HalfAndHalf, {SUBJECTS}, "subject 'ann' is on both sides of fold 'halves'"),
    ],
)
def test_a_planted_fault_is_named(files, dataset, rules, said):
    found = broken(dataset, files)
    assert set(found) == rules
    assert said in " ".join(found.values())
