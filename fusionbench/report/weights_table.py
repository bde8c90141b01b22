"""Table of networks that others trained."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from fusionbench.report.tables import plain_table
from fusionbench.weights.known import Packed, Released


def weights_table(networks: Iterable[tuple[Packed | Released, bool]]) -> Table:
    """Networks, and whether each is in the cache."""
    table = plain_table(
        "weights", "fusionbench weights get NAME brings one; --from FILE takes a file you have"
    )
    for column in ("name", "here", "what it is", "licence", "from"):
        table.add_column(column, no_wrap=column in ("name", "here"), overflow="fold")
    for network, here in networks:
        if isinstance(network, Packed):
            origin = f"{network.archive.tool}: {network.archive.package}"
        else:
            origin = f"bring it: {network.origin}"
        table.add_row(network.name, "yes" if here else "no", network.what, network.licence, escape(origin))
    return table
