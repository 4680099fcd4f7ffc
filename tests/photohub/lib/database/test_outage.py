"""A database that is away is waited for; a value that it does not take is not."""

import sqlite3

import psycopg
import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
)
from psycopg_pool import PoolTimeout

from photohub.lib.database.outage import is_away


def locked() -> Exception:
    """Return what SQLite says of a database that somebody else writes to."""
    with sqlite3.connect("file::memory:?cache=shared", uri=True) as one:
        one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as error:
            sqlite3.connect("file::memory:?cache=shared", uri=True).execute("BEGIN IMMEDIATE")
    return error.value


def without_table() -> Exception:
    with pytest.raises(sqlite3.OperationalError) as error:
        sqlite3.connect(":memory:").execute("SELECT * FROM nothing")
    return error.value


@pytest.mark.parametrize(
    ("error", "cause", "away"),
    [
        (OperationalError, psycopg.OperationalError("the connection is closed"), True),
        (OperationalError, PoolTimeout("no connection"), True),
        (OperationalError, psycopg.errors.AdminShutdown(), True),
        (OperationalError, psycopg.errors.TooManyConnections(), True),
        (OperationalError, psycopg.errors.DiskFull(), True),
        (OperationalError, psycopg.errors.DeadlockDetected(), True),
        (OperationalError, psycopg.errors.LockNotAvailable(), True),
        (InternalError, psycopg.errors.ReadOnlySqlTransaction(), True),
        (OperationalError, psycopg.errors.ProgramLimitExceeded(), False),
        (DataError, psycopg.errors.NumericValueOutOfRange(), False),
        (DataError, psycopg.DataError("NUL"), False),
        (IntegrityError, psycopg.errors.UniqueViolation(), False),
        (InternalError, psycopg.errors.InFailedSqlTransaction(), False),
        (OperationalError, locked, True),
        (OperationalError, without_table, False),
        (OperationalError, None, True),
        (InterfaceError, None, True),
        (DatabaseError, None, False),
        (ValueError, None, False),
    ],
)
def test_what_is_waited_for(error, cause, away):
    raised = error("x")
    raised.__cause__ = cause() if callable(cause) else cause
    assert is_away(raised) is away
