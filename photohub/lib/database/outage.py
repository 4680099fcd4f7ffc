"""Tell a database that is away from one that does not take what it was given: the first is waited for, the second never."""

import sqlite3

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError

# Classes of PostgreSQL's SQLSTATE: connection, rolled back for others, resources, not in the state for it (a lock),
# the operator (shut down, cancelled), the system. 25006: it takes no writes, as after a change of its master.
_AWAY_CLASSES = ("08", "40", "53", "55", "57", "58")
_READ_ONLY = "25006"
_AWAY_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


def failed_at_disk(error: BaseException) -> bool:
    """Tell whether the disk failed under SQLite, so that nobody knows which of what was written will be there again."""
    code = getattr(error.__cause__, "sqlite_errorcode", None) or 0
    return code & 0xFF == sqlite3.SQLITE_IOERR


def is_away(error: BaseException) -> bool:
    """Tell whether the same call may go through later, without any change, because the database was the reason."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # The upper bytes say more exactly what the lowest one says.
        return (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF in _AWAY_CODES
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return state == _READ_ONLY or state[:2] in _AWAY_CLASSES
    return isinstance(error, OperationalError) and not isinstance(error, InternalError)
