"""The golden facts of both graphs, counted by hand from the paper's equations and figures."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, strategies as st

import fusionbench as fb


def neighbours(graph: torch.Tensor, node: int) -> set[int]:
    """Neighbours of a node, all counted from 1 as in the paper's Fig. 7."""
    return {int(j) + 1 for j in graph[node - 1].nonzero().flatten()}


def test_region_neighbours_of_the_papers_figure() -> None:
    six = fb.region_graph(6)
    assert neighbours(six, 8) == {2, 7, 8, 9, 11, 14}
    assert neighbours(six, 7) == {1, 7, 8, 12, 13}
    assert neighbours(six, 9) == {3, 8, 9, 10, 15}  # its mirror image, 10, is beside it: counted once
    assert neighbours(fb.region_graph(3), 5) == {2, 4, 5, 6, 8}  # the middle column mirrors itself


@pytest.mark.parametrize(
    ("patches", "edges", "degrees"),
    [
        (2, 12, {3: 4}),
        (3, 39, {4: 6, 5: 3}),
        (4, 72, {4: 8, 5: 8}),
        (6, 180, {4: 8, 5: 20, 6: 8}),
        (12, 792, {4: 8, 5: 56, 6: 80}),
    ],
)
def test_region_edges(patches: int, edges: int, degrees: dict[int, int]) -> None:
    graph = fb.region_graph(patches)
    assert graph.sum() == edges
    assert Counter(graph.sum(dim=1).tolist()) == degrees
    assert graph.equal(graph.T)
    assert graph.diagonal().all()


@pytest.mark.parametrize(
    ("time", "trs", "edges"),
    [(16, 0, 64), (16, 1, 184), (16, 3, 400), (16, 5, 584), (16, 15, 1024), (8, 2, 136), (4, 1, 40)],
)
def test_fusion_edges(time: int, trs: int, edges: int) -> None:
    graph = fb.ParallelGraph(time, trs)
    assert graph.edges == graph.adjacency().sum() == edges


def test_without_scope_only_the_same_moment_is_joined() -> None:
    """TRS = 0: frame t of one stream meets itself and frame t of the other."""
    graph = fb.ParallelGraph(16, 0).adjacency()
    assert all(neighbours(graph, t) == {t, t + 16} for t in range(1, 17))


def test_a_middle_node_has_fourteen_neighbours_at_scope_3() -> None:
    assert fb.ParallelGraph(16, 3).adjacency().sum(dim=1).max() == 14


@given(time=st.integers(1, 9), beyond=st.integers(-1, 5), streams=st.integers(1, 3))
def test_a_scope_as_long_as_the_clip_is_no_scope(time: int, beyond: int, streams: int) -> None:
    wide = fb.ParallelGraph(time, max(time + beyond, time - 1, 0), streams)
    assert wide.full
    assert wide.adjacency().equal(fb.ParallelGraph(time, None, streams).adjacency())
    assert wide.edges == (streams * time) ** 2


@given(time=st.integers(1, 12), trs=st.integers(0, 12), streams=st.integers(1, 4))
def test_the_closed_form_counts_the_edges(time: int, trs: int, streams: int) -> None:
    graph = fb.ParallelGraph(time, trs, streams)
    assert graph.edges == graph.adjacency().sum()
