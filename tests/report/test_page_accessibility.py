"""The page can be read by everyone: in order, aloud, by keyboard, with little contrast to spare for none."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from fusionbench.report.html import POLICY

VOID = {"meta", "link", "img", "br", "hr"}
AA = 4.5
"""least contrast of text, Web Content Accessibility Guidelines 2.2, 1.4.3"""
PAIRS = [
    ("text", "paper"),
    ("text", "card"),
    ("muted", "paper"),
    ("accent", "paper"),
    ("mark-text", "mark-paper"),
]
"""custom properties of the style sheet: text on its background"""


class Elements(HTMLParser):
    """Every element with its attributes, the elements around it, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[dict] = []
        self._open: list[dict] = []
        self.feed(page)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        around = [element["tag"] for element in self._open]
        element = {"tag": tag, "at": dict(attributes), "around": around, "text": ""}
        self.found.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag: str) -> list[dict]:
        return [element for element in self.found if element["tag"] == tag]


@pytest.fixture(scope="module")
def elements(page: str) -> Elements:
    return Elements(page)


def test_the_page_names_its_language_and_itself(elements):
    assert elements.all("html")[0]["at"]["lang"] == "en"
    assert elements.all("title")[0]["text"] == elements.all("h1")[0]["text"]


def test_headings_go_down_one_step_at_a_time(elements):
    levels = [int(e["tag"][1]) for e in elements.found if re.fullmatch("h[1-6]", e["tag"])]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(elements.all("main")) == 1 and len(elements.all("nav")) == 1


def test_every_figure_says_in_words_what_it_shows(elements):
    images = elements.all("img")
    assert len(images) == 14
    for image in images:
        assert len(image["at"]["alt"]) > 30 and "figure" in image["around"]
        assert image["at"]["width"].isdigit() and image["at"]["height"].isdigit()
    assert len({image["at"]["alt"] for image in images}) == len(images)
    assert len(elements.all("figcaption")) == len(images)


def test_every_table_has_a_caption_and_headers_that_say_what_they_head(elements):
    tables = elements.all("table")
    assert len(tables) == len(elements.all("caption")) > 15
    assert all(caption["text"].strip() for caption in elements.all("caption"))
    for header in elements.all("th"):
        assert header["at"]["scope"] == ("col" if "thead" in header["around"] else "row")
        assert header["text"].strip()
    assert not [cell for cell in elements.all("td") if "thead" in cell["around"]]


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(elements):
    scrolling = [e for e in elements.all("div") if e["at"].get("class") == "scroll"] + elements.all("pre")
    assert len(scrolling) > 15
    for element in scrolling:
        assert element["at"]["tabindex"] == "0" and element["at"]["role"] == "region"
        assert element["at"]["aria-label"]


def test_ids_are_distinct_and_links_within_the_page_lead_somewhere(elements):
    ids = Counter(e["at"]["id"] for e in elements.found if "id" in e["at"])
    assert set(ids.values()) == {1}
    assert all(link["at"]["href"].removeprefix("#") in ids for link in elements.all("a"))
    assert all(e["at"]["aria-labelledby"] in ids for e in elements.all("section"))


def test_nothing_is_asked_of_anyone(page, elements):
    (policy,) = [m["at"]["content"] for m in elements.all("meta") if "http-equiv" in m["at"]]
    assert policy == POLICY and policy.startswith("default-src 'none'; ")
    named = [
        e["at"][key] for e in elements.found for key in ("src", "href", "srcset", "action") if key in e["at"]
    ]
    assert named and all(address.startswith(("data:", "#")) for address in named)
    assert not elements.all("script") and not elements.all("iframe") and not elements.all("form")
    assert not [key for e in elements.found for key in e["at"] if key.startswith("on")]
    assert "@import" not in page and "url(" not in page


def luminance(colour: str) -> float:
    """Relative luminance, Web Content Accessibility Guidelines 2.2."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_the_guidelines_do():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_have_contrast(page, scheme):
    light, dark, printed = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)
    chosen = {"light": light, "dark": dark, "print": printed}[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", chosen))
    assert {name for pair in PAIRS for name in pair} <= set(colours)
    for text, behind in PAIRS:
        assert contrast(colours[text], colours[behind]) >= AA, (text, behind)


def test_style_uses_no_colour_that_is_not_checked(page):
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)[1]
    rules = re.sub(r":root \{.*?\}", "", style, flags=re.DOTALL)
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", rules)) == {"#fff"}, "the paper behind figures"
    used = set(re.findall(r"(?<![-\w])color: var\(--([\w-]+)\)", rules))
    assert used == {text for text, _ in PAIRS}
