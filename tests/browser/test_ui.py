"""A person looks at runs: opens the printed link, reads the table, compares two runs, opens a picture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fusionbench.figures.confusion import confusion_matrix
from fusionbench.track.opening import open_run
from fusionbench.track.runs import DatasetNote
from fusionbench.track.view import order_tag

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CLASSES = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
PATIENCE_SECONDS = 60


@pytest.fixture
def link(tmp_path: Path) -> Iterator[str]:
    """The link that ``fusionbench ui`` prints for an experiment of four runs under one comparison."""
    experiment = "afew (stand-in)"
    note = DatasetNote(experiment, "0123456789abcdef")
    settings = {"experiment": experiment, "dataset": note}
    with open_run(
        name="compare 2 heads",
        params={"dataset": "afew"},
        tags={"fusionbench.kind": "comparison"},
        **settings,
    ) as parent:
        parent.log_metrics({"best_mean/accuracy": 0.5559})
        parent.set_tags(order_tag("comparison", 0.5559))
        for fusion, accuracy, cost in (("concat", 0.4961, 0.4), ("arpg", 0.5509, 2.5)):
            for seed in (0, 1):
                params = {"fusion": fusion, "dataset": "afew", "seed": seed, "fold": "official", "trs": 3}
                tags = {"fusionbench.kind": "run", "fusionbench.stand_in": "true"}
                name = f"{fusion}/afew/s{seed}"
                with open_run(name=name, params=params, tags=tags, parent=parent.run_id, **settings) as run:
                    write_numbers(run, accuracy + seed / 100, cost)
                    if name == "arpg/afew/s1":
                        write_artifacts(run)
    command = [sys.executable, "-m", "fusionbench.cli.main", "ui"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ui:
        links = (line.strip() for line in ui.stdout or [] if "viewStateShareKey" in line)
        yield next(links, "fusionbench ui ended without a link")
        ui.send_signal(signal.SIGINT)
        assert ui.wait(30) == 0


def write_numbers(run, accuracy: float, cost: float) -> None:
    for epoch in range(1, 11):
        learned = accuracy * (1 - 0.5**epoch)
        run.log_metrics({"train/loss": 2 / epoch, "selection/accuracy": learned}, step=epoch)
    scores = {"accuracy": accuracy, "uar": accuracy - 0.02, "f1": accuracy - 0.03}
    run.log_metrics({f"report/{name}": score for name, score in scores.items()})
    run.log_metrics({"cost/ms_per_clip": cost, "cost/params": 123456})
    run.set_tags(order_tag("run", accuracy))


def write_artifacts(run) -> None:
    counts = np.full((7, 7), 3) + np.diag(range(20, 27))
    run.log_figure(lambda: confusion_matrix(counts, CLASSES, "arpg/afew", stand_in=True), "confusion.png")
    run.log_table({"clip": ["a", "b"], "label": ["Sad", "Fear"]}, "predictions.json")


class Page:
    """What a person does on a page: wait until it is there, read, click."""

    def __init__(self, browser):
        self.browser = browser

    def until(self, condition):
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        # The page redraws itself, so that an element found may be gone a moment later.
        wait = WebDriverWait(
            self.browser, PATIENCE_SECONDS, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: condition())

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def texts(self, selector):
        return [element.text for element in self.all(selector)]

    def headers(self):
        cells = sorted(self.all(".ag-header-cell"), key=lambda cell: cell.rect["x"])
        return [cell.text for cell in cells if cell.text]

    def wait_for_text(self, text):
        self.until(lambda: text in self.browser.find_element("tag name", "body").text)

    def click(self, selector):
        self.until(lambda: self.all(selector))[0].click()

    def click_text(self, text):
        self.until(lambda: self.browser.find_elements("xpath", f"//*[text()='{text}']"))[0].click()


def test_a_person_finds_compares_and_looks(link, browser, tmp_path):
    pictures = Path(os.environ.get("FUSIONBENCH_SCREENSHOTS", tmp_path))
    pictures.mkdir(parents=True, exist_ok=True)
    page = Page(browser)

    browser.get(link)
    page.wait_for_text("concat/afew/s1")
    page.click("[data-component-id='mlflow.assistant.chat_panel.close']")
    best_first = ["compare 2 heads", "arpg/afew/s1", "arpg/afew/s0", "concat/afew/s1", "concat/afew/s0"]
    page.until(lambda: page.texts(".ag-row a[href*='/runs/']")[:5] == best_first)
    first = [
        "Run Name",
        "Created",
        "fusion",
        "best_mean/accuracy",
        "report/accuracy",
        "report/uar",
        "report/f1",
    ]
    page.until(lambda: page.headers()[: len(first)] == first)
    headers = page.headers()
    assert {"cost/ms_per_clip", "cost/params", "seed", "fold", "Dataset"} <= set(headers)
    assert "pooled_report/accuracy" not in headers
    assert "0.5609" in page.texts(".ag-row [col-id='metrics.`report/accuracy`']")
    browser.save_screenshot(str(pictures / "runs.png"))

    for box in page.all(".ag-row .ag-checkbox-input")[1:3]:
        box.click()
    page.click("[data-testid='runs-compare-button']")
    page.wait_for_text("Comparing 2 Runs from 1 Experiment")
    page.wait_for_text("0.561")
    browser.save_screenshot(str(pictures / "compare.png"))

    browser.get(link)
    page.click_text("arpg/afew/s1")
    page.click_text("Artifacts")
    page.click_text("confusion.png")
    width = "return Math.max(0, ...[...document.images].map(i => i.naturalWidth))"
    page.until(lambda: browser.execute_script(width) > 400)
    browser.save_screenshot(str(pictures / "artifact.png"))
    page.click_text("predictions.json")
    page.wait_for_text("Fear")
    browser.save_screenshot(str(pictures / "predictions.png"))
