"""Addresses are shown without their secrets, wherever they come up; paths of files keep their ``@``."""

from __future__ import annotations

import logging
import os
import sys

import pytest

from fusionbench.contract.addresses import scrub_stderr, scrubbed, shown


@pytest.mark.parametrize(
    ("address", "as_shown"),
    [
        ("sqlite:///mlflow.db", None),
        ("sqlite:////data/me@work:8/my%20runs/mlflow.db", None),
        ("sqlite:////data/a#b@c/mlflow.db?timeout=9", "sqlite:////data/a#b@c/mlflow.db?timeout=***"),
        ("postgresql://host/db", None),
        ("postgresql://host:5432/db", None),
        ("postgresql://user@host/db", None),
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql+psycopg2://user:s%40cret@[::1]:5/db", "postgresql+psycopg2://user:***@[::1]:5/db"),
        ("postgresql://user:@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:sec@ret@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:sec/ret@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:sec#ret@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:sec?ret@host/db", "postgresql://***"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=***&password=***"),
        ("postgresql://host/db?password=sec@ret", "postgresql://***"),
        ("mysql+pymysql://u:secret@h/db?ssl_key=/k&x", "mysql+pymysql://u:***@h/db?ssl_key=***&***"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dsecret", "mssql+pyodbc:///?odbc_connect=***"),
        ("http://127.0.0.1:5000", None),
        ("http://127.0.0.1:5000/#/experiments/1?searchFilter=x", None),
        ("https://user:secret@host:443/path", "https://host:443/path"),
        ("https://secret@host/path", "https://host/path"),
        ("HTTPS://user:sec@ret@host", "HTTPS://host"),
        ("https://user:sec/ret@host/", "https://***"),
        ("https://user:sec#ret@host/", "https://***"),
        ("https://user:sec?ret@host/", "https://***"),
        ("https://host/p?token=secret;k=secret", "https://host/p?token=***;k=***"),
        ("https://host/?secret", "https://host/?***"),
        ("https://host/#access_token=secret", "https://host/#***"),
        ("https://host/@me/page", None),
        ("s3://KEY:secret@bucket/x", "s3://KEY:***@bucket/x"),
        ("databricks://profile", None),
        ("/data/me@work/mlruns", None),
        ("", None),
    ],
)
def test_every_form_of_an_address(address, as_shown):
    assert shown(address) == (address if as_shown is None else as_shown)
    assert "secret" not in shown(address) and shown(shown(address)) == shown(address)


ADDRESS = "postgresql://me:s%40cret+1@db.example/runs?sslpassword=quiet%20word"


@pytest.mark.parametrize(
    ("text", "as_shown"),
    [
        (f"cannot use {ADDRESS}.", "cannot use postgresql://me:***@db.example/runs?sslpassword=***."),
        ("invalid dsn: near 's%40cret+1'", "invalid dsn: near '***'"),
        ("password s@cret+1, or s@cret 1", "password ***, or ***"),
        ("sslpassword 'quiet word' is wrong", "sslpassword '***' is wrong"),
        ("at https://u:p@elsewhere/x, again", "at https://elsewhere/x, again"),
        ("user me at db.example", "user me at db.example"),
        ("token abc-def in use", "token *** in use"),
        ("folder gr\udcfcn", "folder gr\\udcfcn"),
    ],
)
def test_texts_of_others_lose_every_known_secret(text, as_shown):
    environment = {
        "MLFLOW_TRACKING_URI": ADDRESS,
        "MLFLOW_TRACKING_TOKEN": "abc-def",
        "HOME": "https://u:x@y",
    }
    assert scrubbed(text, environment) == as_shown


def test_short_secrets_do_not_take_a_text_apart():
    environment = {"MLFLOW_TRACKING_URI": "postgresql://u:a@h/db", "MLFLOW_TRACKING_TOKEN": ""}
    assert scrubbed("a run at postgresql://u:a@h/db", environment) == "a run at postgresql://u:***@h/db"


def test_logs_warnings_and_prints_pass_one_gate(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ADDRESS)
    before = scrub_stderr()
    try:
        assert scrub_stderr() is sys.stderr  # once is enough
        handler = logging.StreamHandler()
        logger = logging.Logger("mlflow")
        logger.addHandler(handler)
        try:
            raise OSError(f"no route to {ADDRESS}")
        except OSError:
            logger.exception("retrying %s", ADDRESS)
        print(ADDRESS, file=sys.stderr)
        sys.stderr.writelines([ADDRESS, os.linesep])
        assert sys.stderr.isatty() is False and sys.stderr.encoding
    finally:
        sys.stderr = before
    told = capsys.readouterr().err
    assert told.count("postgresql://me:***@db.example") == 4 and "cret" not in told
