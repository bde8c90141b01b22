"""Identity: where data lie does not count; options, data, weights and code do."""

from __future__ import annotations

from fusionbench.catalog.identity import _hash_of_files, run_identity, source_hash
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve


def identity(data="d", fold="official", weights=None, **values):
    config = resolve(Request({"fusion": "arpg", "dataset": "afew", **values}), collect())
    return run_identity(config, fold, data, weights or {})


def test_the_same_request_has_the_same_identity():
    assert identity() == identity()


def test_where_the_data_lie_does_not_count():
    assert identity(**{"data.root": "/elsewhere"}) == identity()


def test_everything_that_decides_digits_counts():
    others = [
        identity(seed=1),
        identity(data="other"),
        identity(fold="s1"),
        identity(threads=2),
        identity(weights={"backbone": "abc"}),
        identity(**{"fusion.trs": 4}),
        identity(**{"training.epochs": 2}),
        identity(**{"training.optimizer": "adamw_fused"}),
        identity(fusion="concat"),
    ]
    assert len({identity(), *others}) == len(others) + 1


def test_code_counts_with_what_it_imports_from_its_package(tmp_path, monkeypatch):
    package = tmp_path / "strange"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("def f():\n    return 1\n")
    (package / "head.py").write_text(
        "from strange.part import f\n\n\nclass Head:\n    use = staticmethod(f)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from strange.head import Head

    _hash_of_files.cache_clear()
    before = source_hash(Head)
    (package / "part.py").write_text("def f():\n    return 2\n")
    _hash_of_files.cache_clear()
    assert source_hash(Head) != before
