"""Facial region graph, parallel fusion graph and the graph attention layer against PyG's GATConv."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

import fusionbench as fb
from tests.parity.fixture import Fixture

Pairs = dict[str, tuple[Tensor, Tensor]]


def graph_attention(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Output and attention of one layer on the stored edge list."""
    config, stored = fixture.config, fixture.tensors(dtype)
    source, target = stored["in.edge_index"]
    adjacency = torch.zeros(config["nodes"], config["nodes"], dtype=torch.bool)
    adjacency[target, source] = True
    layer = fb.GraphAttention(
        config["in_channels"], config["out_channels"], config["heads"], config["negative_slope"]
    ).to(dtype)
    layer.load_state_dict(fixture.tensors(dtype, "sd."))
    attention = layer.attention(stored["in.x"], adjacency)[:, :, target, source]
    return {
        "y": (layer(stored["in.x"], adjacency), stored["out.y"]),
        "alpha": (attention.transpose(1, 2), stored["out.alpha"]),
        "edges": (adjacency.sum(), torch.tensor(config["edges"])),
    }


def graph_facts(fixture: Fixture, dtype: torch.dtype) -> Pairs:
    """Neighbours, edge counts and degrees of both graphs, as an independent script counted them."""
    facts, pairs = fixture.json(), {}
    for patches, fact in facts["facial"].items():
        pairs |= region_facts(f"P={patches}", fb.region_graph(int(patches)), fact)
    for name, fact in facts["fusion"].items():
        time, trs = map(int, re.findall(r"\d+", name))
        pairs |= fusion_facts(name, fb.ParallelGraph(time, trs), fact)
    return pairs


def region_facts(name: str, graph: Tensor, fact: dict[str, Any]) -> Pairs:
    """One region graph."""
    degrees = torch.bincount(graph.sum(dim=1))
    pairs = {
        f"{name} edges": (graph.sum(), torch.tensor(fact["directed_edges_with_self"])),
        f"{name} pairs": ((graph.sum() - len(graph)) // 2, torch.tensor(fact["undirected_without_self"])),
    }
    for node, near in enumerate(fact["neighbours"] or []):  # not listed for large graphs
        pairs[f"{name} neighbours of {node}"] = (graph[node].nonzero().flatten(), torch.tensor(near))
    for degree, count in fact["degree_histogram"].items():
        pairs[f"{name} degree {degree}"] = (degrees[int(degree)], torch.tensor(count))
    return pairs


def fusion_facts(name: str, graph: fb.ParallelGraph, fact: dict[str, Any]) -> Pairs:
    """One fusion graph; its middle node is frame T // 2 of the first stream."""
    adjacency, edges = graph.adjacency(), torch.tensor(fact["directed_edges_with_self"])
    return {
        f"{name} edges": (adjacency.sum(), edges),
        f"{name} closed form": (torch.tensor(graph.edges), edges),
        f"{name} full": (torch.tensor(graph.full), torch.tensor(fact["dense_equal"])),
        f"{name} first": (adjacency[0].nonzero().flatten(), torch.tensor(fact["neighbours_of_first"])),
        f"{name} middle": (
            adjacency[graph.time // 2].nonzero().flatten(),
            torch.tensor(fact["neighbours_of_middle"]),
        ),
    }


CHECKS = {"gat_": graph_attention, "graph_facts": graph_facts}
