"""A person opens a report in a browser: nothing is asked of the network, nothing is cut, all can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusionbench.report.page import build_page
from tests.report import made_up

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = "a head with a name " * 4
REQUESTS = "return performance.getEntriesByType('resource').map(entry => entry.name)"
TOO_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
CUT = """
return [...document.querySelectorAll('h1, h2, p, li, summary, figcaption, caption, img')].filter(e => {
  const box = e.getBoundingClientRect(), width = document.documentElement.clientWidth;
  return box.width && !e.matches('.skip') && (box.left < 0 || box.right > width + 1);
}).map(e => e.textContent.slice(0, 60) || e.alt)
"""
CONTRAST = """
const light = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => 0.2126 * light(r / 255) + 0.7152 * light(g / 255) + 0.0722 * light(b / 255);
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const behind = e => {
  for (; e; e = e.parentElement) {
    const colour = parts(getComputedStyle(e).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
document.querySelectorAll('details').forEach(e => { e.open = true; });
let least = 99;
for (const e of document.querySelectorAll('body *')) {
  if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  const [one, other] = [parts(getComputedStyle(e).color), behind(e)].map(luminance).sort((a, b) => b - a);
  least = Math.min(least, (one + 0.05) / (other + 0.05));
}
return least;
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the page of a comparison with cautions, a long name and a head that failed."""
    made = made_up.comparison(("arpg", LONG, "concat"), 2, clips=84, people=12, folds=2)
    return build_page(made, Path(tmp_path_factory.mktemp("report"))).as_uri()


@pytest.mark.parametrize("width", [1400, 700])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_asks_for_nothing_and_fits(address, browser, width, scheme):
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(address)
    assert [name for name in browser.execute_script(REQUESTS) if not name.startswith("data:")] == []
    assert browser.get_log("browser") == [], "the policy is not broken"
    shown = "return [...document.images].every(image => image.complete && image.naturalWidth > 100)"
    assert browser.execute_script(shown)
    assert not browser.execute_script(TOO_WIDE)
    assert browser.execute_script(CUT) == []
    ranking = (
        "const box = document.querySelector('#ranking .scroll'); return box.scrollWidth - box.clientWidth"
    )
    assert browser.execute_script(ranking) == 0, "the ranked table is seen whole"
    assert browser.execute_script(CONTRAST) >= 4.5


def test_what_is_folded_is_printed(address, browser, tmp_path):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.get(address)
    heights = (
        "return [...document.querySelectorAll('details table')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(browser.execute_script(heights)) > 0
