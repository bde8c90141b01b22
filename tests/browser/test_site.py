"""A person reads the documentation from the file system: searches it, by day and by night."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    return folder


@pytest.mark.parametrize("page", ["index.html", "decisions/index.html"])
def test_search_answers_on_pages_opened_as_files(site, browser, page):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get((site / page).as_uri())
    box = browser.find_element("css selector", ".md-search__input")
    box.click()
    box.send_keys("database")
    wait = WebDriverWait(browser, PATIENCE_SECONDS)
    found = wait.until(lambda _: browser.find_elements("css selector", ".md-search-result__link"))
    targets = [link.get_attribute("href") for link in found]
    assert any(target.startswith((site / "when-something-goes-wrong.html").as_uri()) for target in targets)
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(("system", "scheme"), [("light", "default"), ("dark", "slate")])
def test_pages_are_light_or_dark_as_the_system_is(site, browser, system, scheme):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": system}]}
    )
    for width in (1400, 700):
        browser.set_window_size(width, 900)
        browser.get((site / "compare.html").as_uri())
        shown = "return document.body.getAttribute('data-md-color-scheme')"
        assert browser.execute_script(shown) == scheme
        too_wide = "return document.documentElement.scrollWidth > innerWidth"
        assert not browser.execute_script(too_wide)
