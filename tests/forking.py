"""A plugin of pytest: tests run in several processes, forked from one that has imported and collected everything.

`--processes 3` makes three; without it pytest's own process runs the tests. Each takes one unit at a time
(tests/scheduling.py) and sends its reports back. One that dies fails the test that it was running, and another takes over.
"""

import atexit
import contextlib
import os
import pickle
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import pytest

from tests.scheduling import unit_of, units_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--processes", type=int, default=0, help="how many processes run the tests; 0: this one does"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    config = session.config
    failed = session.testsfailed and not config.option.continue_on_collection_errors
    if not config.option.processes or config.option.collectonly or config.option.usepdb or failed:
        return None
    Parent(session, config.option.processes).run()
    return True


class Worker:
    """A process, as its parent sees it."""

    def __init__(self, pid: int, connection: Connection) -> None:
        self.pid, self.connection = pid, connection
        self.ended = os.pidfd_open(pid)
        self.unit: deque[int] = deque()
        self.finished = False

    def close(self) -> int:
        """Wait for its end and return its exit code."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.ended)
        self.connection.close()
        return code


class Parent:
    """Hands out the units, and tells pytest what the processes report."""

    def __init__(self, session: pytest.Session, count: int) -> None:
        self._session = session
        units = (unit_of(item.nodeid, getattr(item, "fixturenames", ())) for item in session.items)
        self._units = deque(units_of(units))
        self._count = min(count, len(self._units))
        self._begun = 0
        self._workers: list[Worker] = []

    def run(self) -> None:
        if reporter := self._session.config.pluginmanager.getplugin("terminalreporter"):
            # Several files run at a time: their names would stand between all the dots.
            reporter.showfspath = False
        try:
            for _ in range(self._count):
                self._begin()
            while self._workers:
                self._listen()
        except BaseException:
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGTERM)
            raise
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _begin(self) -> None:
        assert threading.active_count() == 1, "A thread runs, which no fork would have."
        ours, theirs = Pipe()
        if not (pid := os.fork()):
            for worker in self._workers:
                worker.connection.close()
                os.close(worker.ended)
            ours.close()
            Child(self._session, f"gw{self._begun}", theirs).run_and_exit()
        theirs.close()
        self._begun += 1
        self._workers.append(Worker(pid, ours))

    def _listen(self) -> None:
        by_handle = {
            handle: worker for worker in self._workers for handle in (worker.connection, worker.ended)
        }
        for worker in {by_handle[handle] for handle in wait(by_handle)}:
            with contextlib.suppress(EOFError, ConnectionError):
                while worker.connection.poll():
                    self._hear(worker, *worker.connection.recv())
                if not wait([worker.ended], 0):
                    continue
                while worker.connection.poll():
                    self._hear(worker, *worker.connection.recv())
            self._part_with(worker)

    def _hear(self, worker: Worker, kind: str, said: Any) -> None:
        config = self._session.config
        if kind == "more":
            worker.unit = self._next_unit()
            worker.connection.send([*worker.unit])
        elif kind == "done":
            worker.unit.popleft()
        elif kind == "report":
            report = config.hook.pytest_report_from_serializable(config=config, data=said)
            config.hook.pytest_runtest_logreport(report=report)
        elif kind == "warning":
            config.hook.pytest_warning_recorded.call_historic(kwargs=said)
        elif kind == "finished":
            worker.finished = True
            if said:
                self._fail("the end of a process", ("tests", None, ""), said)

    def _next_unit(self) -> deque[int]:
        stops = self._session.shouldfail or self._session.shouldstop
        return deque() if stops or not self._units else deque(self._units.popleft())

    def _part_with(self, worker: Worker) -> None:
        self._workers.remove(worker)
        code = worker.close()
        if worker.finished:
            return
        if worker.unit:
            item = self._session.items[worker.unit.popleft()]
            self._fail(item.nodeid, item.location, f"Its process ended with {code}.")
            self._units.appendleft(worker.unit)
        else:
            self._fail("the end of a process", ("tests", None, ""), f"It ended with {code}.")
        if any(self._units):
            self._begin()

    def _fail(self, nodeid: str, location: tuple[str, int | None, str], why: str) -> None:
        report = pytest.TestReport(nodeid, location, {}, "failed", why, "call")
        self._session.config.hook.pytest_runtest_logreport(report=report)


class Child:
    """Runs in the forked process: asks for units until there are none."""

    def __init__(self, session: pytest.Session, name: str, parent: Connection) -> None:
        self._session, self._name, self._parent = session, name, parent

    def run_and_exit(self) -> NoReturn:
        code = 1
        try:
            # What the parent wants to happen at its end is not for here.
            atexit._clear()
            self._settle()
            for item, after in self._tests():
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
                self._parent.send(("done", None))
            self._parent.send(("finished", self._tear_down()))
            atexit._run_exitfuncs()
            code = 0
        except KeyboardInterrupt:
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _settle(self) -> None:
        config = self._session.config
        # The mark that other plugins know from pytest-xdist; pytest-django gives each a database by its name.
        config.workerinput = {"workerid": self._name}
        # It takes us for an old pytest-xdist, to which it may not report a first try, where none is installed.
        for name in ("rerunfailures", "pytest_rerunfailures"):
            if plugin := config.pluginmanager.get_plugin(name):
                plugin.works_with_current_xdist = lambda: True
        folders = config._tmp_path_factory
        folders._basetemp = folders.getbasetemp() / self._name
        folders._basetemp.mkdir(mode=0o700)
        if capture := config.pluginmanager.getplugin("capturemanager"):
            # Its file is the parent's, and so would be the place in it.
            capture.stop_global_capturing()
            capture.start_global_capturing()
            capture.suspend_global_capture()
        if reporter := config.pluginmanager.getplugin("terminalreporter"):
            config.pluginmanager.unregister(reporter)
        config.pluginmanager.register(self)

    def _tests(self) -> Iterator[tuple[pytest.Item, pytest.Item | pytest.Session]]:
        """Yield each test with what comes after it: at the end of a unit, nothing but the session is kept."""
        while numbers := self._ask():
            items = [self._session.items[number] for number in numbers]
            for item, after in zip(items, [*items[1:], self._session], strict=True):
                if self._session.shouldfail or self._session.shouldstop:
                    return
                yield item, after

    def _ask(self) -> list[int]:
        self._parent.send(("more", None))
        return self._parent.recv()

    def _tear_down(self) -> str:
        """End what was made for the session, and return what went wrong."""
        try:
            self._session._setupstate.teardown_exact(None)
        except Exception:
            return traceback.format_exc()
        return ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        config = self._session.config
        self._parent.send(("report", config.hook.pytest_report_to_serializable(config=config, report=report)))

    def pytest_warning_recorded(self, warning_message, when, nodeid, location) -> None:
        if when != "runtest":
            return  # The parent's own, which pytest repeats to every plugin that comes later.
        message = warning_message
        try:
            pickle.dumps(message)
        except Exception:
            plain = UserWarning(f"{message.category.__name__}: {message.message}")
            message = warnings.WarningMessage(plain, UserWarning, message.filename, message.lineno)
        said = {"warning_message": message, "when": when, "nodeid": nodeid, "location": location}
        self._parent.send(("warning", said))
