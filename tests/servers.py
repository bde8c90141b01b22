"""Servers of one test session on this machine: PostgreSQL with a cluster of its own, and MLflow's."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusionbench.contract.processes import child_environment
from fusionbench.track.connection import answers
from tests.processes import wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mlflow_server(store: str, artifacts: Path, port: int) -> subprocess.Popen[bytes]:
    """An MLflow server that is there, on a database's address; artifacts go through it into a folder."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", store, "--artifacts-destination", str(artifacts)]
    environment = child_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", MLFLOW_TRACKING_URI="")
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: answers(f"http://127.0.0.1:{port}", seconds=1))
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


class Postgres:
    """A running PostgreSQL server.

    Args:
        port: it listens on, on 127.0.0.1 alone.
    """

    USER = "bench"

    def __init__(self, port: int):
        self._port = port
        self._made = 0

    def address(self, database: str) -> str:
        return f"postgresql://{self.USER}@127.0.0.1:{self._port}/{database}"

    def database(self, like: str = "template1") -> str:
        """Address of a new database, a copy of the one named ``like``."""
        self._made += 1
        name = f"d{self._made}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.address(name)

    def ask(self, sql: str, database: str = "postgres") -> list[tuple]:
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def is_there(self) -> bool:
        import psycopg

        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False


def postgres_programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``; None where they or the driver are not installed."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(
        (f for f in (*on_path, *debian) if (f / "initdb").exists() and (f / "postgres").exists()), None
    )


@contextmanager
def postgres_server(programs: Path) -> Iterator[Postgres]:
    """A server with a fresh folder. It refuses to run as root, so that root lends it to ``nobody``."""
    folder, port = Path(tempfile.mkdtemp(prefix="postgres-")), free_port()
    who: dict = {}
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet: dict = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    made = [programs / "initdb", "-D", folder / "data", "-U", Postgres.USER, "-A", "trust", "-E", "UTF8"]
    subprocess.run([*made, "--locale=C", "--no-sync"], check=True, **quiet, **who)
    settings = ("listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off")
    flags = [word for setting in settings for word in ("-c", setting)]
    process = subprocess.Popen(
        [programs / "postgres", "-D", folder / "data", "-p", str(port), *flags], **quiet, **who
    )
    server = Postgres(port)
    try:
        wait_for(server.is_there)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)  # at once: nobody needs what is in it
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
