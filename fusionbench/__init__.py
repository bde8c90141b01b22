"""fusionbench: which way of fusing feature streams is better, all else equal?

Everything a plugin needs is here, and what writes stores and loads trained models:
``import fusionbench as fb``. Names are imported on first use, so that the command line
starts without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fusionbench.bench.trained import load_model as load_model
    from fusionbench.bench.trained_model import TrainedModel as TrainedModel
    from fusionbench.contract import testing as testing
    from fusionbench.contract.aligner import (
        Aligner as Aligner,
        Face as Face,
        Footage as Footage,
        Sighting as Sighting,
        chosen_face as chosen_face,
    )
    from fusionbench.contract.class_names import NamedClasses as NamedClasses, named_class as named_class
    from fusionbench.contract.dataset import (
        Clip as Clip,
        ClipFrames as ClipFrames,
        Dataset as Dataset,
        Fold as Fold,
        Inventory as Inventory,
        Problem as Problem,
        Protocol as Protocol,
        StandInClip as StandInClip,
        StandInPlan as StandInPlan,
    )
    from fusionbench.contract.errors import (
        BadClip as BadClip,
        DataWarning as DataWarning,
        FusionBenchError as FusionBenchError,
        NotSupported as NotSupported,
        UserError as UserError,
    )
    from fusionbench.contract.fold_options import MadeFolds as MadeFolds
    from fusionbench.contract.hooks import RunInfo as RunInfo, hookimpl as hookimpl
    from fusionbench.contract.importer import (
        Contents as Contents,
        Importer as Importer,
        SourceClip as SourceClip,
    )
    from fusionbench.contract.options import Config as Config, tunable as tunable
    from fusionbench.contract.processes import (
        child_environment as child_environment,
        find_program as find_program,
    )
    from fusionbench.contract.reading import (
        Unreadable as Unreadable,
        open_regular as open_regular,
        read_regular as read_regular,
        reading as reading,
    )
    from fusionbench.contract.roles import (
        Backbone as Backbone,
        Criterion as Criterion,
        FusionHead as FusionHead,
        RelationEncoder as RelationEncoder,
        Score as Score,
        accuracy as accuracy,
    )
    from fusionbench.contract.types import (
        ClipBatch as ClipBatch,
        FrameFeatures as FrameFeatures,
        Streams as Streams,
        StreamSpec as StreamSpec,
    )
    from fusionbench.contract.window import Window as Window
    from fusionbench.data.faces import (
        is_image as is_image,
        natural_key as natural_key,
        read_images as read_images,
        write_image as write_image,
    )
    from fusionbench.data.marker import Marker as Marker, read_marker as read_marker
    from fusionbench.data.outer_folds import make_folds as make_folds, subjects_of as subjects_of
    from fusionbench.data.prepared_dataset import PreparedDataset as PreparedDataset
    from fusionbench.data.prepared_store import open_prepared_store as open_prepared_store
    from fusionbench.data.splits import stored_split as stored_split
    from fusionbench.data.stream_store import (
        open_stream_store as open_stream_store,
        write_stream_store as write_stream_store,
    )
    from fusionbench.door.commands import (
        compare as compare,
        experiment as experiment,
        load as load,
        run as run,
    )
    from fusionbench.door.results import ComparisonResult as ComparisonResult, RunResult as RunResult
    from fusionbench.nn.attention import attend as attend, watch_attention as watch_attention
    from fusionbench.nn.classifier import Classifier as Classifier, kaiming_linear as kaiming_linear
    from fusionbench.nn.common_width import CommonWidth as CommonWidth
    from fusionbench.nn.graph_attention import GraphAttention as GraphAttention
    from fusionbench.nn.graphs import ParallelGraph as ParallelGraph, region_graph as region_graph
    from fusionbench.nn.pickled_arrays import read_npz as read_npz, read_pickle as read_pickle
    from fusionbench.nn.pooling import (
        last_real as last_real,
        masked_max as masked_max,
        masked_mean as masked_mean,
        masked_softmax as masked_softmax,
        zero_padding as zero_padding,
    )
    from fusionbench.nn.positions import fairseq_sinusoid as fairseq_sinusoid, sinusoid as sinusoid
    from fusionbench.nn.weights import load_weights as load_weights, read_weights as read_weights
    from fusionbench.weights.cache import (
        has_weights as has_weights,
        released_weights as released_weights,
        weights_hash as weights_hash,
    )

_HOME = {
    "bench.trained": "load_model",
    "bench.trained_model": "TrainedModel",
    "contract.aligner": "Aligner Face Footage Sighting chosen_face",
    "contract.class_names": "NamedClasses named_class",
    "contract.dataset": "Clip ClipFrames Dataset Fold Inventory Problem Protocol StandInClip StandInPlan",
    "contract.errors": "BadClip DataWarning FusionBenchError NotSupported UserError",
    "contract.fold_options": "MadeFolds",
    "contract.hooks": "RunInfo hookimpl",
    "contract.importer": "Contents Importer SourceClip",
    "contract.options": "Config tunable",
    "contract.processes": "child_environment find_program",
    "contract.reading": "Unreadable open_regular read_regular reading",
    "contract.roles": "Backbone Criterion FusionHead RelationEncoder Score accuracy",
    "contract.types": "ClipBatch FrameFeatures Streams StreamSpec",
    "contract.window": "Window",
    "data.faces": "is_image natural_key read_images write_image",
    "data.marker": "Marker read_marker",
    "data.prepared_dataset": "PreparedDataset",
    "data.prepared_store": "open_prepared_store",
    "data.outer_folds": "make_folds subjects_of",
    "data.splits": "stored_split",
    "data.stream_store": "open_stream_store write_stream_store",
    "door.commands": "compare experiment load run",
    "door.results": "ComparisonResult RunResult",
    "nn.weights": "load_weights read_weights",
    "nn.attention": "attend watch_attention",
    "nn.classifier": "Classifier kaiming_linear",
    "nn.common_width": "CommonWidth",
    "nn.graph_attention": "GraphAttention",
    "nn.graphs": "ParallelGraph region_graph",
    "nn.pickled_arrays": "read_npz read_pickle",
    "nn.pooling": "last_real masked_max masked_mean masked_softmax zero_padding",
    "nn.positions": "fairseq_sinusoid sinusoid",
    "weights.cache": "has_weights released_weights weights_hash",
}
"""module -> the public names it defines"""

_MODULES = {"testing": "contract.testing"}
"""modules that are public as a whole"""

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}
__all__ = sorted([*_MODULE_OF, *_MODULES])


def __getattr__(name: str) -> Any:
    home = _MODULES.get(name) or _MODULE_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'fusionbench' has no attribute {name!r}")
    module = importlib.import_module(f"fusionbench.{home}")
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
