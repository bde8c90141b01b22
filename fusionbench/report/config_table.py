"""A resolved config, each value with where it came from."""

from __future__ import annotations

from rich.table import Table

from fusionbench.catalog.run_config import RunConfig
from fusionbench.report.tables import plain_table


def config_table(config: RunConfig) -> Table:
    """One row an option."""
    table = plain_table("would run", "nothing was read or trained")
    table.add_column("option", no_wrap=True)
    table.add_column("value")
    table.add_column("from")
    for key, value in config.flat().items():
        origin = config.origins.get(key, "")
        style = "dim" if origin in ("default", "") else "bold"
        table.add_row(key, "null" if value is None else str(value), origin, style=style)
    return table
