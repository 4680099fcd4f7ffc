"""Equal shares of the processor for the machines of one hub on one host: Linux's control groups, where they may be made."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000


@contextlib.contextmanager
def quotas(names: list[str], cores: float) -> Iterator[dict[str, Path] | None]:
    """Make a group for each name that may use so much of a core; None where this machine does not let us."""
    groups: dict[str, Path] = {}
    try:
        for name in names:
            groups[name] = _make(f"photohub-{os.getpid()}-{name}", int(cores * _PERIOD_US))
    except OSError:
        _remove(groups)
        yield None
        return
    try:
        yield groups
    finally:
        _remove(groups)


def put_into(group: Path, pid: int) -> None:
    """Have this process, and what it starts from now on, share the group's quota."""
    (group / "cgroup.procs").write_text(str(pid))


def _make(name: str, quota_us: int) -> Path:
    is_first_form = (_ROOT / "cpu" / "cpu.cfs_quota_us").parent.is_dir()
    group = (_ROOT / "cpu" if is_first_form else _ROOT) / name
    group.mkdir()
    try:
        if is_first_form:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
        else:
            (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
    except OSError:
        group.rmdir()
        raise
    return group


def _remove(groups: dict[str, Path]) -> None:
    for group in groups.values():
        with contextlib.suppress(OSError):
            group.rmdir()
