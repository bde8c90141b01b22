"""Imports, and falls over when it is asked for its heads."""

import fusionbench as fb


@fb.hookimpl
def fusion_heads():
    raise FileNotFoundError("heads.json")
