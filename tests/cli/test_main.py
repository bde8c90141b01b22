"""The gate of the command line: what is told on stderr, and how a command ends."""

from __future__ import annotations

import os
import sys

import pytest

from fusionbench.contract.errors import UserError


@pytest.fixture
def raising(monkeypatch):
    """Makes every ``run --dry-run`` raise."""

    def use(error: BaseException) -> None:
        def resolve_config(*arguments, **options):
            raise error

        monkeypatch.setattr("fusionbench.bench.run.resolve", resolve_config)

    return use


def test_an_end_of_file_is_no_abort_of_the_user(cli, raising):
    raising(EOFError("Ran out of input"))
    done = cli("run", "--dry-run")
    assert done.code == 1 and "Aborted" not in done.err + done.out
    assert done.err == "failed: FusionBenchError: something ended too early: Ran out of input\n" + (
        "Add --debug to see where.\n"
    )


@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.parametrize("kind", [UserError, OSError])
def test_no_secret_is_told_with_or_without_traceback(cli, raising, monkeypatch, kind, debug):
    address = "postgresql://me:hunter2@db/runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    raising(kind(f"no route to {address}, password hunter2"))
    done = cli("run", "--dry-run", *debug)
    assert done.code == (2 if kind is UserError else 1)
    assert "no route to postgresql://me:***@db/runs, password ***" in done.err
    assert "hunter2" not in done.err + done.out
    assert ("Traceback" in done.err) == bool(debug)
    assert type(sys.stderr).__name__ != "_Scrubbed", "the stream is put back"


def test_a_name_that_is_no_utf_8_is_told(cli, tmp_path):
    name = os.fsdecode(b"gr\xfcn.yaml")
    done = cli("run", "--config", tmp_path / name)
    assert done.code == 2 and "gr\\udcfcn.yaml: No such file or directory" in done.err
    (tmp_path / name).write_text("fusion: arpg\ndataset: afew\nseed: 3\n")
    done = cli("run", "--config", tmp_path / name, "--dry-run")
    assert done.code == 0 and "gr\\udcfcn.yaml" in done.out
    assert cli("run", "--config", tmp_path / name, "--dry-run", "--json").json["config"]["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1e400"], "seed"),
        (["--seed", 2**70], "seed"),
        (["--set", "seed=true"], "seed = True (--set): input should be a number, not true or false"),
        (["--set", "fusion=&a [*a]"], "*a stands inside what it names"),
        (["--set", "training.lr=.inf"], "training.lr = inf"),
        (["--set", "a" + ".b" * 5_000 + "=1"], "no option lies 5001 levels deep"),
        (["--config", "/dev/zero"], "/dev/zero: it is a device, not a file"),
        (["--registry", "/dev/stdin"], "/dev/stdin"),
    ],
)
def test_absurd_options_end_with_a_sentence(cli, arguments, message):
    done = cli("run", "--fusion", "arpg", "--dataset", "afew", "--dry-run", *arguments)
    assert done.code == 2 and message in done.err and "Traceback" not in done.err
