"""YAML from anyone: plain values come out with their lines, all else is our error with the file's name."""

from __future__ import annotations

import os

import pytest

from fusionbench.catalog.documents import MOST_BYTES, parse_value, read
from fusionbench.catalog.plugins import collect
from fusionbench.catalog.resolve import Request, resolve
from fusionbench.contract.errors import UserError
from fusionbench.study.experiment import members, read_experiment


@pytest.fixture
def written(tmp_path):
    """A function that writes a document and gives its path."""

    def write(content: str | bytes, name: str = "run.yaml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_values_come_with_the_lines_of_their_keys(written):
    content, lines = read(written("seed: 1\nfusion:\n  name: arpg\n  trs: null\nvary:\n  - {a: 2}\n"))
    assert content == {"seed": 1, "fusion": {"name": "arpg", "trs": None}, "vary": [{"a": 2}]}
    assert lines["seed",] == 1 and lines["fusion", "trs"] == 4 and lines["vary", "0", "a"] == 6


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xef\xbb\xbf# why?\r\nseed: 3\r\nfold: gr\xc3\xbcn\r\n",
        "\ufeff# why?\nseed: 3\nfold: grün\n".encode("utf-16-le"),
        "\ufeff# why?\r\nseed: 3\r\nfold: grün\r\n".encode("utf-16-be"),
        "# why?\rseed: 3\rfold: grün\r".encode(),
    ],
    ids=["UTF-8 with mark", "UTF-16 LE", "UTF-16 BE", "old Mac"],
)
def test_every_usual_encoding_and_line_end_is_read(written, encoded):
    content, lines = read(written(encoded))
    assert content == {"seed": 3, "fold": "grün"} and lines["fold",] == 3


def test_aliases_and_merge_keys_are_followed(written):
    text = "base: &b {lr: 1, epochs: 2}\nother: {<<: *b, epochs: 3}\nboth: {<<: [{lr: 9}, *b]}\nsame: *b\n"
    content, lines = read(written(text))
    assert content["other"] == {"lr": 1, "epochs": 3}
    assert content["both"] == {"lr": 9, "epochs": 2}
    assert content["same"] == content["base"]
    assert lines["other", "epochs"] == 2 and lines["other", "lr"] == 1


def test_a_date_is_text_and_so_is_a_lone_equals_sign(written):
    assert read(written("fold: 2001-02-03\nx: =\n"))[0] == {"fold": "2001-02-03", "x": "="}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1: x", "line 1: the key 1 is no text. Quote it"),
        ("yes: x", "line 1: the key yes is no text"),
        ("null: x", "the key null is no text"),
        ("? [a]\n: b", "line 1: the key that is a list or a mapping is no text"),
        ("? {a: b}\n: c", "the key that is a list or a mapping is no text"),
        ("seed: 1\n!!python/name:os.system x: 1", "the key x is no text"),
        ("a: !!set {x, y}", "line 1 asks for an object: !!set"),
        ("a: !!binary aGk=", "asks for an object: !!binary"),
        ("a: !!timestamp 2001-01-01", "asks for an object: !!timestamp"),
        ("a: !!omap [x: 1]", "asks for an object: !!omap"),
        ("a: !mine 3", "asks for an object: !mine"),
        ("a: {x: 1,\n x: 2}", "line 2: 'x' stands here a second time"),
        ("a: &a [*a]", r"line 1: *a stands inside what it names"),
        ("a: &a {b: {c: *a}}", "*a stands inside what it names"),
        ("a: &a {<<: *a}", "*a stands inside what it names"),
        ("a: *nobody", "undefined alias"),
        (BOMB, "line 5: more than 20,000 values, aliases followed"),
        ("a: [" + "1, " * 30_000 + "1]", "more than 20,000 values"),
        ("[" * 100_000, "nested deeper than 40 levels"),
        ("- " * 5_000, "nested deeper than 40 levels"),
        ("a:\n\tb: 1", "line 2, is not valid YAML: found character '\\t'"),
        ("a: 1\nb: x\0y", "line 2, is not valid YAML: the character 0x0 is not allowed"),
        ("a: 1\n---\nb: 2", "line 2, is not valid YAML: but found another document"),
        ("a: {<<: 3}", "<< merges mappings only"),
        ("a: " + "9" * 30, "line 1: " + "9" * 30 + " is larger than any option"),
        ("a: 0x" + "f" * 300_000, "is larger than any option"),
        ("a: " + "9" * 5_000, "run.yaml: ValueError: Exceeds the limit"),
        (b"a: gr\xfcn", "not UTF-8 text"),
        (b"\xff\xfea", "run.yaml: "),
        (b"# " + b"x" * MOST_BYTES, "at most 1 MB are read"),
        ("just words", "holds a str; expected a mapping"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_the_name_of_the_file(written, content, message):
    path = written(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    for path, message in (
        (tmp_path / "pipe.yaml", "it is a named pipe, not a file"),
        (tmp_path / "folder.yaml", "it is a folder, not a file"),
        ("/dev/zero", "it is a device, not a file"),
        (tmp_path / "absent.yaml", "No such file or directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(UserError) as caught:
            read(tmp_path / path)
        assert message in str(caught.value)
        with pytest.raises(UserError):
            read_experiment(tmp_path / path, Request())


def test_a_name_that_is_no_utf_8_is_read(tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xfcn.yaml")
    path.write_text("seed: 2")
    assert read(path)[0] == {"seed": 2}
    path.write_text("seed: [")
    with pytest.raises(UserError, match="is not valid YAML"):
        read(path)


@pytest.mark.parametrize("text", ["&a [*a]", "!!python/name:os.system", "[" * 10_000, "{1: 2}", "x\0y", "'"])
def test_values_of_set_keep_the_same_rules(text):
    with pytest.raises(UserError, match="--set x"):
        parse_value(text, "--set x")


@pytest.mark.parametrize(
    "value",
    ["1e400", "1.0e+400", ".inf", ".nan", "-1", "1.5", "true", "x", "[1]", "{a: 1}", "'²'", 2**32, 2**70],
)
def test_an_absurd_seed_is_refused(written, value):
    file = written(f"fusion: arpg\ndataset: afew\nseed: {value}\n")
    with pytest.raises(UserError, match=r"seed|larger than any option"):
        resolve(Request(file=file), collect())


@pytest.mark.parametrize("key", ["training.epochs", "training.batch_size", "sampling.frames", "threads"])
@pytest.mark.parametrize("value", [True, 10**12, 0, float("inf"), float("nan")])
def test_absurd_counts_are_refused(key, value):
    values = {"fusion": "arpg", "dataset": "afew", key: value}
    with pytest.raises(UserError, match=f"option {key} = "):
        resolve(Request(values), collect())


@pytest.mark.parametrize("value", [True, float("inf"), float("nan")])
def test_a_rate_is_a_finite_number(value):
    with pytest.raises(UserError, match=r"option training\.lr = "):
        resolve(Request({"fusion": "arpg", "dataset": "afew", "training.lr": value}), collect())


@pytest.mark.parametrize("name", [5, [1], {}, {"name": {"name": 3}}, True, float("nan")])
@pytest.mark.parametrize("kind", ["fusion", "dataset", "relation", "backbone"])
def test_a_component_is_chosen_by_a_name(kind, name):
    with pytest.raises(UserError):
        resolve(Request({"fusion": "arpg", "dataset": "afew", kind: name}), collect())


def test_a_key_deeper_than_any_option_is_refused():
    key = ".".join("a" * 5_000)
    with pytest.raises(UserError, match="no option lies 5000 levels deep"):
        resolve(Request({"fusion": "arpg", "dataset": "afew", key: 1}), collect())


def test_a_million_combinations_are_refused_before_one_is_resolved(written):
    many = ", ".join(map(str, range(1_000)))
    file = written(f"# What?\nvary:\n  seed: [{many}]\n  training.batch_size: [{many}]\n")
    with pytest.raises(UserError, match="would be 1,000,000 runs; at most 10,000 are compared"):
        members(read_experiment(file, Request({"fusion": "arpg", "dataset": "afew"})), collect())


@pytest.mark.parametrize("seed", ["[1]", "x", "true", "null", "1.5"])
def test_a_seed_that_is_none_is_refused_in_an_experiment_too(written, seed):
    file = written(f"# What?\nbase: {{fusion: arpg, dataset: afew}}\nvary:\n  seed: [{seed}]\n")
    with pytest.raises(UserError, match="seed"):
        members(read_experiment(file, Request()), collect())


@pytest.mark.parametrize(
    "text", ["fusion: [arpg]", "fusion: {x: 1}", "fusion: {x: {plugin: [a]}}", "fusion: 3"]
)
def test_presets_of_another_shape_are_refused(written, text):
    registry = written(text, "presets.yaml")
    with pytest.raises(UserError, match=r"presets\.yaml, line 1: "):
        resolve(Request({"fusion": "arpg", "dataset": "afew"}, registry=registry), collect())
