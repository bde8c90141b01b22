"""A Ray cluster: what its nodes hold, how many jobs they take, and whether each is as this machine is."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fusionbench.catalog.run_config import RunConfig
from fusionbench.contract.addresses import scrubbed, shown
from fusionbench.contract.errors import UserError
from fusionbench.contract.watch import Watch
from fusionbench.data.cache import cache_root, writable_folder
from fusionbench.study.executors.nodes import Terms, refuse_unfit
from fusionbench.track.connection import CLUSTER_EXTRA, database_file, tracking_uri

CONNECT_SECONDS = 5.0
"""for a cluster to answer"""
ANSWER_SECONDS = 180.0
"""a node imports torch and MLflow before it can say what it has"""


@contextlib.contextmanager
def connected(
    address: str,
    configs: Sequence[RunConfig],
    watch: Watch,
    *,
    most: int | None = None,
    studies: str | None = None,
) -> Iterator[Cluster]:
    """A cluster whose nodes were compared with this machine; the plan is told first.

    Args:
        address: ``auto``, or ``HOST:PORT`` of the head.
        configs: of runs, for what a job needs.
        watch: told of the plan.
        most: jobs side by side; None: as many as fit.
        studies: address of the studies' storage, where there is one.

    Raises:
        UserError: Ray is not installed, no cluster answers, no node can take such a job, or a node
            is not as this machine is.
    """
    needs = [needs_of(config) for config in configs]
    ray, marker = _ray(), writable_folder("nodes") / uuid.uuid4().hex
    connect(ray, address)
    marker.touch()
    try:
        largest = {name: max(each[name] for each in needs) for name in needs[0]}
        cluster = Cluster(ray, largest, most, Terms.here(str(marker.relative_to(cache_root()))))
        for line in cluster.plan(studies):
            watch.note(line)
        cluster.refuse_unfit()
        with contextlib.redirect_stdout(sys.stderr):  # Ray prints there that a node died, whatever it is told
            yield cluster
    finally:
        marker.unlink(missing_ok=True)
        ray.shutdown()


def _ray() -> Any:
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"  # read at import: workers would start by `uv run`
    try:
        import ray
    except ImportError as error:
        raise UserError(f"--executor ray needs Ray, on every node: {CLUSTER_EXTRA}.") from error
    return ray


def connect(ray: Any, address: str) -> None:
    """Join a cluster as the one that gives it tasks.

    Raises:
        UserError: none answers there.
    """
    named = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    try:
        if named != "auto":  # Ray would try for minutes where nobody answers
            host, _, port = named.rpartition(":")
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        with contextlib.chdir(cache_root()):  # Ray puts the working directory on the path of its workers
            ray.init(address=address, log_to_driver=False, logging_level="error")
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        told = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"no Ray cluster answers at --address {address} ({told.rstrip('.')}). "
            "Start one with `ray start --head`, join it from others with "
            "`ray start --address HOST:6379`, and give the command on one of them."
        ) from error


def needs_of(config: RunConfig) -> dict[str, int]:
    """What a job takes of a node, as Ray's options.

    Raises:
        UserError: Ray can't hand that device out.
    """
    device, threads = config.options.device, config.options.threads
    if device not in ("cpu", "cuda"):
        raise UserError(
            f"--device {device} can't be asked of a cluster: Ray gives each job a GPU of its own, which is "
            "cuda there. Allowed with --executor ray: cpu, cuda."
        )
    return {"num_cpus": threads, "num_gpus": int(device == "cuda")}


class Cluster:
    """The nodes that this process is connected to.

    Args:
        ray: the library.
        needs: of the largest job, as ``needs_of``.
        most: jobs side by side; None: as many as fit.
        terms: what every node must have.
    """

    def __init__(self, ray: Any, needs: Mapping[str, int], most: int | None, terms: Terms):
        self.ray = ray
        self.terms = ray.put(terms)
        self._needs, self._most = needs, most

    def plan(self, studies: str | None) -> list[str]:
        """Nodes with their slots, and the places that they share, in words.

        Raises:
            UserError: no node can take a job.
        """
        slots, needs = self._slots(), self._needs
        wanted = f"{needs['num_cpus']} CPU, {needs['num_gpus']} GPU each"
        if not any(slots.values()):
            raise UserError(
                f"no node of the cluster can take a job ({wanted}). `ray status` shows what there is; "
                "--device and --threads say what a job needs."
            )
        return [
            f"cluster: {len(slots)} nodes, {self.room} jobs side by side ({wanted})",
            *(
                f"  node {name}: {count} slots"
                for name, count in zip(self._names(slots), slots.values(), strict=True)
            ),
            f"  tracker: {shown(tracking_uri())}",
            *([f"  studies: {shown(studies)}"] if studies else []),
            f"  shared folder: {cache_root()}",
        ]

    @property
    def room(self) -> int:
        """Jobs that may run side by side now: nodes come and go."""
        slots = sum(self._slots().values())
        return min(slots, self._most or slots)

    def _slots(self) -> dict[str, int]:
        """Node -> how many jobs it takes at once."""
        asked = {"CPU": self._needs["num_cpus"], "GPU": self._needs["num_gpus"]}
        return {
            node["NodeID"]: min(int(node["Resources"].get(kind, 0) // n) for kind, n in asked.items() if n)
            for node in self.ray.nodes()
            if node["Alive"]
        }

    def _names(self, nodes: Sequence[str] | Mapping[str, Any]) -> list[str]:
        where = {node["NodeID"]: node["NodeManagerAddress"] for node in self.ray.nodes()}
        return [f"{where[node]} ({node[:6]})" for node in nodes]

    def pinned(self, node: str) -> dict[str, Any]:
        """Ray's options for what runs on this node alone, and takes none of its slots."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}

    def ask(self, question: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Node -> its answer, or the error that came of asking; asked are those that take jobs."""
        task = self.ray.remote(question)
        nodes = [node for node, slots in self._slots().items() if slots]
        asked = [task.options(max_retries=0, **self.pinned(node)).remote(*arguments) for node in nodes]
        answers: dict[str, Any] = {}
        for name, answer in zip(self._names(nodes), asked, strict=True):
            try:
                answers[name] = self.ray.get(answer, timeout=ANSWER_SECONDS)
            except self.ray.exceptions.RayError as error:
                answers[name] = error
        return answers

    def refuse_unfit(self) -> None:
        """Compare every node with this machine.

        Raises:
            UserError: one has other code, does not see the cache or the tracker, or does not answer.
        """
        answers = self.ask(_look, self.terms)
        faults = {n: [reason(a)] if isinstance(a, Exception) else a[1] for n, a in answers.items()}
        refuse_unfit(faults)
        hosts = {host for host, _ in answers.values()} | {socket.gethostname()}
        if database_file(tracking_uri()) and len(hosts) > 1:
            raise UserError(
                f"{len(hosts)} machines can't write into one database file, {shown(tracking_uri())}. "
                "Start an MLflow server and set MLFLOW_TRACKING_URI to its address."
            )


def reason(error: Exception) -> str:
    """What a task raised, in a line and without Ray's frame around it."""
    cause = getattr(error, "cause", None) or error
    lines = str(cause).strip().splitlines() or [""]
    return scrubbed(f"{type(cause).__name__}: {lines[0]}")


def _look(terms: Terms) -> tuple[str, list[str]]:
    """On a node: its name, and what keeps it from taking part."""
    return socket.gethostname(), terms.entered()
