"""The shipped weights can be made again: one seed, one result, from people who are nowhere else."""

import pytest
import torch
from safetensors.torch import load_file

from fusionbench.authoring.pretrain import Grades, School, _populations, _r2, pretrain
from fusionbench.contract.watch import Watch

BRIEF = School(terms=2, people=3, frames=8, passes=1, examinees=3, batch=8)


def test_nobody_is_examined_who_was_trained_on():
    *terms, exam = _populations(School())
    people = [person for group in [*terms, exam] for person in group]
    assert len(people) == len(set(people)) == 3120
    assert len(terms) == 10 and len(exam) == 120


def test_r2_is_one_for_the_truth_and_zero_for_the_mean():
    true = torch.tensor([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
    assert _r2(true, true) == 1
    assert _r2(true.mean(0).expand(3, 2), true) == 0
    assert _r2(true + torch.tensor([1.0, 0.0]), true) == pytest.approx((1 - 3 / 2 + 1) / 2)


def test_what_is_printed():
    assert str(Grades(0.531, 0.404)).endswith("appearance 0.53, relation 0.40")


@pytest.mark.slow
def test_one_seed_gives_one_result(tmp_path):
    seen = []

    class Listener(Watch):
        def progress(self, task: str, done: int, total: int) -> None:
            seen.append((done, total))

    grades = [pretrain(tmp_path / name, seed=3, school=BRIEF, watch=Listener()) for name in ("a", "b")]
    assert grades[0] == grades[1]
    assert seen[:3] == [(0, 2), (1, 2), (2, 2)]
    for name in ("tiny.safetensors", "region_gat.safetensors"):
        one, two = (load_file(tmp_path / folder / name) for folder in ("a", "b"))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
