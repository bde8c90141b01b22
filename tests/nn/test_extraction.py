"""A checkpoint that names what is unknown is refused by that name; a command takes its tensors out."""

from __future__ import annotations

import os
import pickle
import shlex
import subprocess
import sys
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

import fusionbench as fb
from fusionbench.nn.extraction import extract
from fusionbench.nn.pickled import names_in


class Meter:
    """What training scripts keep their best score in."""

    def __init__(self) -> None:
        self.best, self.shadow = 1.0, torch.ones(2)


class Net(nn.Module):
    """A network of someone else."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.out = nn.Linear(4, 2)
        self.register_buffer("mask", torch.ones(3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.stem(x).mean(dim=(2, 3)))


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def lightning(net: nn.Module) -> dict:
    """What Lightning's trainer saves, with a class of the user's among the hyper-parameters."""
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict((f"model.{key}", value) for key, value in net.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}],
        "hyper_parameters": {"meter": Meter()},
    }


def drawn_net() -> Net:
    torch.manual_seed(0)
    return Net()


KINDS = {
    "whole module": lambda net: net,
    "module in a dict": lambda net: {"model": net, "epoch": 3},
    "data parallel": lambda net: nn.DataParallel(net),
    "foreign object beside": lambda net: {"state_dict": net.state_dict(), "recorder": Meter(), "epoch": 3},
    "lightning": lightning,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_it_offers_works_for_that_very_file(tmp_path, kind):
    net = drawn_net()
    torch.save(KINDS[kind](net), tmp_path / "their weights.pth.tar")
    with pytest.raises(fb.UserError, match=r"a pickled .*(Net|Meter).*would run code") as caught:
        fb.read_weights("their weights.pth.tar")
    command = shlex.split(str(caught.value).partition("named: ")[2])
    assert command[0] == "python" and command[3:] == ["their weights.pth.tar", "their weights_tensors.pt"]
    done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "left out: " in done.stdout
    read = fb.read_weights(command[4])
    wanted = net.state_dict()
    assert set(read) == set(wanted) and all(torch.equal(read[key], wanted[key]) for key in wanted)
    module = Net()
    fb.load_weights(module, command[4])
    assert torch.equal(module.out.weight, net.out.weight)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_gives_its_tensors_too(tmp_path):
    net = drawn_net().eval()
    torch.jit.save(torch.jit.script(net), tmp_path / "script.pt")
    with pytest.raises(fb.UserError, match="a pickled TorchScript"):
        fb.read_weights("script.pt")
    extract(Path("script.pt"), Path("tensors.pt"))
    module = Net()
    fb.load_weights(module, "tensors.pt", ignore=("mask",))
    assert torch.equal(module.out.weight, net.out.weight)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch ran",), "posix.system"),
        (exec, ("open('ran', 'w')",), "exec"),
        (open, ("ran", "w"), "open"),
        (getattr, (os, "system"), "getattr"),
        (torch.load, ("x",), "torch.serialization.load"),
        (torch.hub.load, ("x", "y"), "torch.hub.load"),
        (torch.storage._load_from_bytes, (b"x",), "torch.storage._load_from_bytes"),
        (__import__, ("antigravity",), "__import__"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_nothing_is_run_and_the_name_is_told(tmp_path, zipped, protocol, function, arguments, name):
    if function is getattr:
        arguments = ("os", "system")  # a module cannot be pickled
    content = {"state_dict": {"w": torch.ones(2)}, "x": Runs(function, *arguments)}
    torch.save(content, "bad.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(fb.UserError, match=rf"bad\.pth: a pickled .*{name}"):
        fb.read_weights("bad.pth")
    extract(Path("bad.pth"), Path("out.pt"))
    assert set(fb.read_weights("out.pt")) == {"w"}
    assert not Path("ran").exists()


def test_names_that_hide_behind_the_memo_are_refused_when_they_are_looked_up(tmp_path):
    """The list is for the message; the gate is the unpickler's own."""
    import io

    from fusionbench.contract.reading import Unreadable
    from fusionbench.nn.pickled_tensors import TensorUnpickler

    with pytest.raises(Unreadable, match=r"it names posix\.system"):
        TensorUnpickler(io.BytesIO(pickle.dumps(os.system)), lambda key, size: torch.UntypedStorage(0)).load()


def test_what_a_pickle_names_is_listed_for_every_protocol():
    for protocol in range(6):
        named = names_in(pickle.dumps([os.system, OrderedDict(a=1), os.system], protocol))
        assert {name.replace("__builtin__", "builtins") for name in named} >= {
            "posix.system",
            "collections.OrderedDict",
        }


def test_a_pickle_that_asks_for_a_huge_memo_is_refused(tmp_path):
    torch.save({"w": torch.ones(2)}, "good.pth")
    with zipfile.ZipFile("good.pth") as good, zipfile.ZipFile("bad.pth", "w") as bad:
        for entry in good.infolist():
            data = good.read(entry)
            if entry.filename.endswith("data.pkl"):
                data = b"\x80\x02}r\xff\xff\xff\x7f."
            bad.writestr(entry.filename.replace("good/", "bad/"), data)
    with pytest.raises(fb.UserError, match="asks for a memory of 2,147,483,647 entries"):
        fb.read_weights("bad.pth")


def test_the_oldest_form_and_other_archives_are_refused(tmp_path):
    Path("member").write_bytes(b"x")
    with tarfile.open("old.pth.tar", "w") as archive:
        archive.add("member")
    with zipfile.ZipFile("other.pt", "w") as archive:
        archive.write("member")
    for name in ("old.pth.tar", "other.pt"):
        with pytest.raises(fb.UserError, match=f"{name}: .*torch.save"):
            fb.read_weights(name)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_never_read_in_part(tmp_path, zipped, share):
    torch.save({"w": torch.ones(2000)}, "cut.pth", _use_new_zipfile_serialization=zipped)
    data = Path("cut.pth").read_bytes()
    Path("cut.pth").write_bytes(data[: int(share * len(data))])
    with pytest.raises(fb.UserError, match=r"cut\.pth"):
        fb.read_weights("cut.pth")


def test_a_flipped_byte_in_an_archive_is_found(tmp_path):
    torch.save({"w": torch.ones(2000)}, "flipped.pth")
    data = bytearray(Path("flipped.pth").read_bytes())
    data[len(data) // 2] ^= 1
    Path("flipped.pth").write_bytes(data)
    with pytest.raises(fb.UserError, match="Bad CRC-32"):
        fb.read_weights("flipped.pth")


def test_extraction_writes_nothing_over_another_file(tmp_path):
    torch.save(drawn_net(), "net.pth")
    Path("there.pt").write_bytes(b"mine")
    with pytest.raises(fb.UserError, match=r"there\.pt exists; nothing was written"):
        extract(Path("net.pth"), Path("there.pt"))
    assert Path("there.pt").read_bytes() == b"mine"
