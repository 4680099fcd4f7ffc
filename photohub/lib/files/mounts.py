"""Which kind of file system a folder lies on."""

from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# SQLite's locks are not kept on these, and `fsync` may promise what the other machine does not do.
NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
)


def file_system_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind, such as "ext4" or "nfs4"; empty where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = ("", "")
    for line in lines:
        _device, point, kind, *_rest = line.split(" ")
        point = point.encode().decode("unicode_escape")  # a space in a path is written \040
        if folder.is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def on_network(folder: Path) -> bool:
    """Tell whether the folder is on another machine's disk."""
    return file_system_of(folder) in NETWORK_KINDS
