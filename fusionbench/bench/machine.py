"""What a run's digits depend on besides its config, data and code: libraries, processor, device, switches."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from fusionbench.bench.build import CUBLAS_WORKSPACE
from fusionbench.bench.tracking import VERSIONS
from fusionbench.contract.hashing import digest
from fusionbench.contract.reading import Unreadable, read_regular

SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    CUBLAS_WORKSPACE,
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""variables of the environment by which torch, MKL, oneDNN and cuBLAS choose how they sum"""
_CPUINFO = Path("/proc/cpuinfo")
_MOST_BYTES = 2**24  # some 2 kB a core
_VECTORS = re.compile(r"amx|asimd|avx|bf16|f16c|fma|neon|sse4|sve")
_CAPABILITY = re.compile(r"^.*CPU capability usage.*\n", re.MULTILINE)
"""in torch's description of itself: that is the processor's, and told apart"""


def machine(device: str) -> dict[str, Any]:
    """Everything at hand here and now that may move a digit, as JSON can hold it.

    Args:
        device: what the run computes on. Nothing asks CUDA unless it is meant.
    """
    built = torch.__config__.show()
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
        "cpu": {
            **_processor(),
            "instruction_set": torch.backends.cpu.get_cpu_capability(),
            "cores": os.cpu_count(),
        },
        "gpu": _gpu(device),
        "switches": {
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "onednn": bool(torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled),
            "float32_matmul": torch.get_float32_matmul_precision(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            **{name: os.environ.get(name) for name in SWITCHES},
        },
        "torch": {
            "build": digest(_CAPABILITY.sub("", built)),
            "config": built,
            "parallel": torch.__config__.parallel_info(),
        },
    }


def _gpu(device: str) -> dict[str, Any]:
    """Name and libraries of the GPU that is meant; None where none is."""
    if not device.startswith("cuda"):
        return {"name": None, "cuda": None, "cudnn": None}
    return {
        "name": torch.cuda.get_device_name(device),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


@cache
def _processor() -> dict[str, Any]:
    """Architecture, model and vector instructions; the last two where the system tells them."""
    try:
        text = read_regular(_CPUINFO, _MOST_BYTES).decode(errors="replace")
    except (OSError, Unreadable):
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    vectors = sorted(flag for flag in (flags[1].split() if flags else []) if _VECTORS.match(flag))
    return {
        "architecture": platform.machine(),
        "model": model[1].strip() if model else platform.processor() or None,
        "vectors": " ".join(vectors) or None,
    }
