"""Whatever a component's code raises is told as that component's, with its place and the likely fix."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import fusionbench as fb
from fusionbench.contract.blame import blaming, remedy


class Head(fb.FusionHead):
    """A head for blame."""

    name = "head"


def told(cause, method="forward", streams=()) -> str:
    with pytest.raises(fb.UserError) as caught, blaming(Head, method, streams):
        cause()
    assert caught.value.__cause__ is not None
    return str(caught.value)


def test_class_method_exception_and_place_are_named():
    def cause():
        raise OSError("no\n  disk")

    said = told(cause, "calibrate")
    assert said.startswith("Head.calibrate raised OSError: no disk (test_blame.py, line ")
    assert said.endswith("`--debug` shows all of it.")


def test_the_place_is_the_components_line_and_not_the_librarys():
    line = told(lambda: nn.Linear(2, 3)(torch.zeros(4, 5)))
    assert "mat1 and mat2 shapes cannot be multiplied" in line and "(test_blame.py, line " in line


def test_what_is_told_already_passes_as_it_is():
    refusal = fb.NotSupported("it fuses pairs")
    with pytest.raises(fb.NotSupported) as caught, blaming(Head, "supports"):
        raise refusal
    assert caught.value is refusal


@pytest.mark.parametrize("name", ["keys", "type", "values", "forward", "training"])
def test_a_stream_named_like_an_attribute_of_a_module_dict_is_named_with_the_way_out(name):
    said = told(lambda: nn.ModuleDict({name: nn.Linear(1, 1)}), "__init__", ["audio", name])
    assert f"a stream is called {name!r}, and modules have an attribute of that name" in said
    assert "nn.ModuleList, in the order of spec.dims" in said


def test_a_stream_that_is_not_there_is_set_against_those_that_are():
    said = told(lambda: {}["pose"], streams=["audio", "text"])
    assert "there is no 'pose' among the streams audio, text: take names from spec.dims" in said


def graph_used_twice():
    x = torch.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


def leaf_changed():
    torch.ones(2, requires_grad=True).add_(1)


def result_changed():
    x = torch.ones(2, requires_grad=True).exp()
    y = x.exp()
    y += 1
    y.sum().backward()


def view_changed():
    torch.ones(2, 2, requires_grad=True)[0].mul_(2)


class Unfinished(nn.Module):
    def __init__(self):
        self.sizes = (1, 2)


class Early(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(1, 1)


class EarlyBuffer(nn.Module):
    def __init__(self):
        self.register_buffer("x", torch.zeros(1))


def evaluated_is_trained_on():
    with torch.inference_mode():
        x = torch.ones(2)
    (torch.ones(2, requires_grad=True) * x).sum().backward()


def sorted_wanted():
    nn.utils.rnn.pack_padded_sequence(torch.zeros(2, 3, 1), torch.tensor([1, 3]), batch_first=True)


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        (leaf_changed, "write x = x + y"),
        (result_changed, "write x = x + y"),
        (view_changed, "write x = x + y"),
        (graph_used_twice, "detach() what is kept from one batch for the next"),
        (Early, "call super().__init__() first"),
        (EarlyBuffer, "call super().__init__() first"),
        (lambda: Unfinished().eval(), "call super().__init__() first"),
        (lambda: Unfinished().to("cpu"), "call super().__init__() first"),
        (lambda: Unfinished()(torch.zeros(1)), "call super().__init__() first"),
        (lambda: list(Unfinished().parameters()), "call super().__init__() first"),
        (evaluated_is_trained_on, "use nothing in training that an evaluation computed"),
        (lambda: nn.BatchNorm1d(2).train()(torch.zeros(1, 2)), "nn.LayerNorm"),
        (sorted_wanted, "enforce_sorted=False"),
    ],
)
def test_errors_whose_cause_can_be_told_get_their_fix(cause, fix):
    """The words are torch's own: an upgrade that changes them is found here."""
    with pytest.raises(Exception) as caught:
        cause()
    assert fix in remedy(caught.value)


def test_of_other_errors_no_fix_is_made_up():
    assert remedy(ValueError("low >= high")) == "" and remedy(KeyError(3), ["a"]) == ""
