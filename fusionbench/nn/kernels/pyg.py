"""PyTorch Geometric's GATConv on the edge list: the reference that the other kernels are measured against."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from fusionbench.contract.errors import UserError
from fusionbench.nn.kernels.scores import Graph, Weights, allowed_sources


def graph_attention(x: Tensor, weights: Weights, graph: Graph, mask: Tensor | None) -> Tensor:
    """``(batch, nodes, in_dim)`` -> ``(batch, nodes, out_dim)``, mean over the heads.

    Raises:
        UserError: torch-geometric is not installed.
    """
    try:
        from torch_geometric.nn import GATConv  # late: it takes seconds to import
    except ImportError as error:
        raise UserError(
            "kernel 'pyg' needs torch-geometric, which is not installed. Run: pip install torch-geometric."
        ) from error
    heads, out_dim, in_dim = weights.lin.shape
    layer = GATConv(
        in_dim, out_dim, heads, concat=False, add_self_loops=False, negative_slope=weights.slope, bias=False
    )
    state = {
        "lin.weight": weights.lin.flatten(0, 1),
        "att_src": weights.att_src.unsqueeze(0),
        "att_dst": weights.att_dst.unsqueeze(0),
    }
    edges = edge_list(graph, mask, len(x), x.device)
    return functional_call(layer, state, (x.flatten(0, 1), edges)).view(*x.shape[:2], out_dim)


def edge_list(graph: Graph, mask: Tensor | None, batch: int, device: torch.device) -> Tensor:
    """``(2, edges)``, sources above targets, the clips' nodes numbered one after the other."""
    allowed = allowed_sources(graph, mask, device).expand(batch, -1, -1)
    clip, target, source = allowed.nonzero(as_tuple=True)
    first = clip * allowed.shape[1]
    return torch.stack([source + first, target + first])
