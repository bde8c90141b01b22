"""The rules for datasets, on files: a real folder or a small stand-in."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusionbench.contract.checks.findings import Broken, Finding, Rule, Skipped, judge
from fusionbench.contract.dataset import Clip, Dataset, Inventory
from fusionbench.contract.errors import BadClip, UserError
from fusionbench.contract.types import POINTS

PARTS = ("train", "selection", "report")
STAND_IN_SPLITS = {"", *PARTS}
DECODED = 3
"""clips that are decoded"""
LANDMARKS = 68


class DatasetTrial:
    """One dataset with its options and its files; ``scratch`` is an empty folder to work in."""

    def __init__(self, cls: type[Dataset], config: Any, root: Path, scratch: Path):
        self.cls, self.config, self.root = cls, config, root
        self._scratch = scratch

    def at(self, root: Path) -> Dataset:
        """The dataset, reading another folder."""
        return self.cls(root, self.config)

    @cached_property
    def dataset(self) -> Dataset:
        return self.at(self.root)

    @cached_property
    def inventory(self) -> Inventory:
        """What the first scan found."""
        return self.dataset.scan()

    @property
    def clips(self) -> tuple[Clip, ...]:
        return self.inventory.clips

    @cached_property
    def moved(self) -> Path:
        """The same files under another path."""
        link = self._scratch / "moved"
        link.symlink_to(self.root.resolve(), target_is_directory=True)
        return link

    @cached_property
    def hollow(self) -> Path:
        """The same tree, with nothing in the files that clips are read from.

        Raises:
            Skipped: no clip names a file.
        """
        hollow = self._scratch / "hollow"
        emptied = {name for clip in self.clips for name in clip.files}
        if self.cls.precomputed or not emptied:
            raise Skipped("its clips are not read from files of their own")
        root = self.root.resolve()
        for folder, _, files in os.walk(root, followlinks=True):
            target = hollow / Path(folder).relative_to(root)
            target.mkdir(parents=True)
            for file in files:
                path = Path(folder, file)
                if path.relative_to(root).as_posix() in emptied:
                    (target / file).touch()
                else:
                    (target / file).symlink_to(path)
        return hollow


def dataset_findings(cls: type[Dataset], config: Any, root: Path) -> list[Finding]:
    """What became of every rule for a dataset whose files are in ``root``."""
    with tempfile.TemporaryDirectory() as scratch:
        return judge(RULES, DatasetTrial(cls, config, root, Path(scratch)))


def scans(trial: DatasetTrial) -> str:
    clips = trial.clips
    # Precomputed streams have no classes but their labels.
    classes = tuple(
        {label for c in clips for label in c.judged} if trial.cls.precomputed else trial.dataset.classes
    )
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise Broken(f"classes is {classes!r}; expected two or more different names")
    try:
        trial.dataset.protocol.judging(None, None, classes)
    except UserError as error:
        raise Broken(str(error), "name metrics that are known in fb.Protocol") from error
    if not clips:
        raise Broken(f"scan() found no clip in {trial.root}; {len(trial.inventory.problems)} problem(s)")
    framed = any(clip.labels for clip in clips)
    for clip in clips:
        for label in set(clip.judged) - set(classes):
            raise Broken(f"clip {clip.id!r} is labelled {label!r}; expected one of {classes}")
        if framed and (not clip.judged or clip.label or not clip.labels):
            raise Broken(
                f"{clip.id!r} has no judged frame, or a label of its own; other clips' frames have them"
            )
        if not isinstance(clip.split, str):
            raise Broken(f"clip {clip.id!r} is in split {clip.split!r}; expected a text")
        for name in clip.files:
            if Path(name).is_absolute() or not (trial.root / name).exists():
                raise Broken(f"clip {clip.id!r} names file {name!r}; expected one that is there, below root")
    twice = [name for name, times in Counter(clip.id for clip in clips).items() if times > 1]
    if twice:
        raise Broken(f"{len(twice)} id(s) are given to more than one clip, such as {twice[0]!r}")
    return f"{len(clips)} clips, {len(trial.inventory.problems)} problem(s)"


def scans_alike(trial: DatasetTrial) -> None:
    for root, what in ((trial.root, "a second scan"), (trial.moved, "a scan of the folder moved elsewhere")):
        _expect_same(trial, trial.at(root).scan().clips, what)


def reads_no_pixel(trial: DatasetTrial) -> None:
    _expect_same(trial, trial.at(trial.hollow).scan().clips, "a scan with all clips' files emptied")


def _expect_same(trial: DatasetTrial, found: tuple[Clip, ...], what: str) -> None:
    if found == trial.clips:
        return
    changed = set(found) ^ set(trial.clips)
    some = f"such as {min(clip.id for clip in changed)!r}" if changed else "only their order"
    raise Broken(
        f"{what} found {len(found)} clips, {len(changed)} of them or of the {len(trial.clips)} found first "
        f"differ, {some}; expected the same clips in the same order"
    )


def decodes(trial: DatasetTrial) -> str:
    if trial.cls.precomputed:
        raise Skipped("its streams are ready made")
    clips = trial.clips[:: max(1, len(trial.clips) // DECODED)][:DECODED]
    for clip in clips:
        read = trial.dataset.read(clip)
        frames, time = read.frames, len(read.frames)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[1] != 3 or not time:
            raise Broken(
                f"frames of {clip.id!r} are {frames.dtype} {frames.shape}; "
                "expected uint8 (time, 3, height, width)"
            )
        if clip.labels and len(clip.labels) != time:
            raise Broken(f"{clip.id!r} has labels of {len(clip.labels)} frames, and {time} were read")
        marks = read.landmarks
        if marks is not None and (marks.shape != (time, LANDMARKS, 2) or marks.dtype != np.float32):
            raise Broken(
                f"landmarks of {clip.id!r} are {marks.dtype} {marks.shape}; "
                f"expected float32 {(time, LANDMARKS, 2)}"
            )
        points = read.points
        if points is not None and (points.shape != (time, *POINTS) or points.dtype != np.float32):
            raise Broken(
                f"points of {clip.id!r} are {points.dtype} {points.shape}; expected float32 {(time, *POINTS)}"
            )
        if not np.array_equal(frames, trial.at(trial.moved).read(clip).frames):
            raise Broken(f"frames of {clip.id!r} changed on a second reading")
    return f"{len(clips)} clips decoded"


def names_bad_clips(trial: DatasetTrial) -> None:
    dataset = trial.at(trial.hollow)
    clip = next(clip for clip in trial.clips if clip.files)
    try:
        dataset.read(clip)
    except BadClip:
        return
    raise Broken(f"{clip.id!r} was read from empty files; expected fusionbench.BadClip")


def folds_are_disjoint(trial: DatasetTrial) -> str:
    folds = trial.dataset.folds(trial.clips)
    known = {clip.id for clip in trial.clips}
    names = [fold.name for fold in folds]
    if not folds or len(set(names)) != len(names):
        raise Broken(f"the folds are called {names}; expected one or more different names")
    reported: Counter[str] = Counter()
    for fold in folds:
        train, selection, report = set(fold.train), set(fold.selection), set(fold.report)
        if not train or not report:
            raise Broken(f"fold {fold.name!r} has {len(train)} clips to train on and {len(report)} to report")
        for done, some, others in (
            ("trains", train, report),
            ("selects", selection, report),
            ("trains", train, selection),
        ):
            if some & others:
                what = "reports" if others is report else "selects on"
                raise Broken(f"fold {fold.name!r} {done} on {len(some & others)} clips that it {what}")
        everything = train | selection | report
        if not everything <= known:
            raise Broken(f"fold {fold.name!r} names unknown clips, such as {min(everything - known)!r}")
        reported.update(fold.report)
    if len(set(reported.values())) > 1:
        clip, times = reported.most_common(1)[0]
        raise Broken(f"clip {clip!r} is reported {times} times, others less often; pooled it counts for more")
    return f"{len(folds)} fold(s)"


def folds_follow_clips(trial: DatasetTrial) -> None:
    first = {fold.name: fold for fold in trial.dataset.folds(trial.clips)}
    for fold in trial.dataset.folds(trial.clips[::-1]):
        same = fold.name in first and all(
            set(getattr(fold, part)) == set(getattr(first[fold.name], part)) for part in PARTS
        )
        if not same:
            raise Broken(f"fold {fold.name!r} changes with the order of the clips")
    unread = trial.clips[0].id
    for fold in trial.dataset.folds(trial.clips[1:]):
        if unread in (*fold.train, *fold.selection, *fold.report):
            raise Broken(f"fold {fold.name!r} holds {unread!r}, a clip that could not be read")


def subjects_stay_apart(trial: DatasetTrial) -> str:
    subject = {clip.id: clip.subject for clip in trial.clips if clip.subject is not None}
    if not subject:
        raise Skipped("no subject is known")
    for fold in trial.dataset.folds(trial.clips):
        seen, report = (
            {subject[i] for i in ids if i in subject} for ids in ((*fold.train, *fold.selection), fold.report)
        )
        if seen & report:
            raise Broken(f"subject {min(seen & report)!r} is on both sides of fold {fold.name!r}")
    return f"{len(set(subject.values()))} subjects"


def plans_stand_in(trial: DatasetTrial) -> str:
    plan = trial.cls.stand_in_plan()
    if plan is None:
        raise Skipped("it offers no stand-in")
    if not set(plan.classes) <= set(trial.dataset.classes):
        raise Broken(f"the plan's classes are {plan.classes}; expected some of {trial.dataset.classes}")
    if not set(plan.splits) <= STAND_IN_SPLITS:
        raise Broken(
            f"the plan's splits are {tuple(plan.splits)}; expected some of {sorted(STAND_IN_SPLITS)}"
        )
    return ", ".join(f"{split or 'all'}: {people} people" for split, (people, _) in plan.splits.items())


RULES: list[Rule[DatasetTrial]] = [
    Rule(
        "scan() lists clips with ids of their own and known labels",
        scans,
        "give every clip an id that is unique in the dataset, one of classes as label, "
        "the split it is in (train, selection, report, ... or ''), and files relative to root",
        essential=True,
    ),
    Rule(
        "scanning again, or elsewhere, gives the same clips",
        scans_alike,
        "sort what the file system lists, and keep absolute paths out of ids and files",
    ),
    Rule(
        "scan() reads no pixel",
        reads_no_pixel,
        "take everything from names and label files; decode in read() only",
    ),
    Rule(
        "read() gives uint8 frames (time, 3, height, width)",
        decodes,
        "return fb.ClipFrames, as fb.read_images makes them; scale landmarks to [0, 1] of the image",
    ),
    Rule(
        "a file that cannot be decoded is a BadClip",
        names_bad_clips,
        "read with fb.read_images, or raise fb.BadClip with the file's name and what is wrong",
    ),
    Rule(
        "folds are disjoint, and every reported clip is reported equally often",
        folds_are_disjoint,
        "put every clip in as many report parts as any other, mostly one, and on one side of each fold",
    ),
    Rule(
        "folds follow from the clips they are given",
        folds_follow_clips,
        "build folds from the argument of folds() alone, sorted by subject or id",
    ),
    Rule(
        "no subject is on both sides of a fold",
        subjects_stay_apart,
        "group by clip.subject",
    ),
    Rule(
        "the stand-in's plan fits the dataset",
        plans_stand_in,
        "plan with the dataset's own classes and splits",
    ),
]
