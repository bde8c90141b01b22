"""Workers never outlive what they work for, and never die with a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fusionbench.data.workers import Workers
from tests.processes import wait_for


def double(number: int) -> int:
    return 2 * number


def wait_long(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2][:3]


@pytest.mark.slow
def test_jobs_are_done():
    with Workers(2) as pool:
        assert [future.result() for future in [pool.submit(double, k) for k in range(5)]] == [0, 2, 4, 6, 8]


@pytest.mark.slow
def test_an_exception_ends_them_and_drops_what_waits(tmp_path):
    with pytest.raises(KeyboardInterrupt), Workers(2) as pool:
        futures = [pool.submit(wait_long, str(tmp_path)) for _ in range(9)]
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
        raise KeyboardInterrupt
    assert not any(is_alive(path.name) for path in tmp_path.iterdir())
    assert all(future.done() for future in futures)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc")
def test_a_killed_parent_takes_them_with_it(tmp_path):
    code = f"""
        from fusionbench.data.workers import Workers
        from tests.data.test_workers import wait_long
        if __name__ == "__main__":
            with Workers(2) as pool:
                for future in [pool.submit(wait_long, {str(tmp_path)!r}) for _ in range(2)]:
                    future.result()
    """
    script = tmp_path.parent / "parent.py"
    script.write_text(textwrap.dedent(code))
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": path})
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(is_alive(path.name) for path in tmp_path.iterdir()), seconds=10)
