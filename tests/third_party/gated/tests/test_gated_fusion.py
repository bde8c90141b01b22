"""GatedFusion keeps the rules that fusionbench has for heads."""

import fusionbench as fb
from gated_fusion import GatedFusion


def test_it_keeps_every_rule():
    fb.testing.check(GatedFusion)
