"""Which runs can be done over: one that is finished, or the folds of one; a comparison's one by one."""

from __future__ import annotations

from fusionbench.bench.artifacts import fold_ids
from fusionbench.bench.claim import COMPARISON, FOLDS, KIND_TAG, REPRODUCTION, RUN
from fusionbench.contract.errors import UserError
from fusionbench.track.records import RunRecord, find_runs, get_run

_NAMED = 8
"""members of a comparison that a message lists"""


def folds_of(record: RunRecord) -> list[RunRecord]:
    """The runs of a run's folds in their order; of one fold, itself.

    Raises:
        UserError: it is a comparison, was made by something else, or is not finished.
    """
    kind = record.tags.get(KIND_TAG)
    if kind == COMPARISON:
        raise _comparison(record)
    if kind not in (RUN, FOLDS, REPRODUCTION):
        raise UserError(
            f"run {record.run_id} ({record.name}) was not made by `fusionbench run` or `compare`. "
            "`fusionbench runs --kind run` lists those that were."
        )
    if record.status != "FINISHED":
        raise UserError(
            f"run {record.run_id} ({record.name}) is {record.status.lower()}: nothing to compare with. "
            "Give the command that made it again; it goes on where it stopped."
        )
    return [get_run(fold) for fold in fold_ids(record).values()] or [record]


def _comparison(record: RunRecord) -> UserError:
    beneath = find_runs(tags={"mlflow.parentRunId": record.run_id, KIND_TAG: RUN}, status="FINISHED")
    told = f"run {record.run_id} ({record.name}) is a comparison; its runs are reproduced one by one."
    if not beneath:
        return UserError(f"{told} None lies beneath it: `fusionbench runs --kind run` lists them all.")
    members = list(reversed(beneath))
    listed = ", ".join(f"{run.run_id} ({run.name})" for run in members[:_NAMED])
    more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
    return UserError(f"{told} Next: fusionbench reproduce {members[0].run_id}. All of them: {listed}{more}.")
