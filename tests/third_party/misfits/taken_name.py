"""Two heads: one takes a built-in's name, the other is all right."""

import fusionbench as fb


class Mine(fb.FusionHead):
    """Not the ARPG that comparisons mean."""

    name = "arpg"


class Spare(fb.FusionHead):
    """A head nobody minds."""

    name = "spare"


@fb.hookimpl
def fusion_heads():
    return [Mine, Spare]
