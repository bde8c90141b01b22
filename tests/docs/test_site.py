"""The site builds without a warning, and a browser that shows it asks no other machine for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)=["']?(https?://[^"'\s>]+)""")
"""what a browser fetches by itself; links that a reader may follow are none of it"""


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "first-run.html", "write-a-head.html"} <= {page.name for page in pages}
    loaded = {url for page in pages for url in LOADED.findall(page.read_text(encoding="utf-8"))}
    assert loaded == set()
    styles = (tmp_path / "site").rglob("*.css")
    assert [s.name for s in styles if re.search(r"url\([\"']?https?:", s.read_text(encoding="utf-8"))] == []
