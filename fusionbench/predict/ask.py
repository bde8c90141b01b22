"""From what a user names to who is asked, and from clips to what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fusionbench.bench.trained import load_model
from fusionbench.catalog.plugins import Catalog
from fusionbench.catalog.resolve import Request, resolve_component
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.prepared_store import FRAMES, GAP, LANDMARKS, MESH, REST, STATE, TIME
from fusionbench.data.store import Store
from fusionbench.predict.course import Course, course_of
from fusionbench.predict.predictor import NetworkPredictor, Predictor, predictor_of_run
from fusionbench.track.records import get_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def predictor_of(name: str, catalog: Catalog, watch: Watch) -> Predictor:
    """A run by its id, or a backbone that names classes by itself.

    Raises:
        UserError: there is no such run or backbone, or its weights are not here.
    """
    if name in catalog.components["backbone"]:
        chosen = resolve_component("backbone", name, Request(), catalog)
        if not chosen.cls.classes:
            speaking = [n for n, c in catalog.components["backbone"].items() if c.cls.classes]
            raise UserError(
                f"backbone {name!r} names no classes by itself; those that do: "
                f"{', '.join(speaking) or 'none'}. Give the id of a run whose head reads it."
            )
        return NetworkPredictor(chosen)
    return predictor_of_run(load_model(get_run(name).run_id, catalog), catalog, watch)


def courses(
    predictor: Predictor, store: Store, window: int | None, step: int | None, watch: Watch
) -> Iterator[Course]:
    """What is said of every clip of a prepared store, in its order.

    Raises:
        UserError: who is asked takes streams, or landmarks or points that the store does not hold.
    """
    if predictor.size is None:
        raise UserError(
            f"{predictor.name} was trained on streams, and nothing here makes them of videos. Ask it in "
            "Python: fb.load(RUN_ID).predict(" + ", ".join(f"{name}=..." for name in predictor.needs) + ")."
        )
    index = store.index
    for place, clip in enumerate(index.clips):
        rows = slice(int(index.first_row[place]), int(index.first_row[place] + index.rows[place]))
        real = np.asarray(store.arrays[STATE][rows]) != GAP
        yield course_of(
            predictor,
            clip.id,
            faces_of(store, rows, predictor),
            real=real,
            seconds=np.asarray(store.arrays[TIME][rows]),
            window=window,
            step=step,
            watch=watch,
        )


def drawing_of(predictor: Predictor, said: Sequence[Course]) -> Figure:
    """The course of probabilities over every clip."""
    from fusionbench.figures.over_time import Told, over_time

    timed = all(course.timed for course in said)
    told = [
        Told(course.clip, course.moments if timed else course.middles, course.probabilities)
        for course in said
    ]
    unit = "seconds" if timed else "frames"
    return over_time(told, predictor.classes, unit=unit, caption=predictor.name, stand_in=predictor.stand_in)


def faces_of(store: Store, rows: slice, predictor: Predictor) -> dict[str, Any]:
    """One clip's arrays as far as they are asked for; nothing is read before a frame is."""
    arrays: dict[str, Any] = {"frames": store.arrays[FRAMES][rows]}
    if "landmarks" in predictor.needs:
        arrays["landmarks"] = store.arrays[LANDMARKS][rows]
        if np.isnan(arrays["landmarks"]).all():
            del arrays["landmarks"]  # the aligner found none: who is asked says what is missing
    if "points" in predictor.needs and REST in store.arrays:
        arrays["points"] = _Points(store.arrays[MESH][rows], store.arrays[REST][rows])
    return arrays


class _Points:
    """Meshes and their median as one array, put together where they are looked at."""

    def __init__(self, mesh: np.ndarray, rest: np.ndarray):
        self._both = mesh, rest

    def __len__(self) -> int:
        return len(self._both[0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.stack([np.asarray(array[rows]) for array in self._both], axis=1)
