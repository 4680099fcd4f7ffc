"""Podman with a store of its own: nothing that this machine has of images and containers is seen or changed.

Where no registry of images can be reached, the official ones are replaced by Debian's programs (stand_ins/Containerfile).
"""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STAND_INS = Path(__file__).with_name("stand_ins")
DEBIAN = "docker.io/library/debian:bookworm-20251117-slim"
# The targets of stand_ins/Containerfile, and the part of an official image's name that tells which it stands for.
TARGETS = ("python", "node", "postgres", "redis", "nginx")
# A process may not raise limits above its own, and where control groups are mixed, crun refuses to begin.
CONFIGURATION = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4000:4000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
"""
BUILD_S = 1800
# What leads this machine's programs to its packages, in the same place of a container; what is not there is not needed.
OF_THE_MACHINE = (
    "/etc/resolv.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pip.conf",
    "/root/.config/pip/pip.conf",
    "/root/.npmrc",
)


class Engine:
    """`run("ps")` is `podman ps` on this store; it raises RuntimeError with what podman said."""

    def __init__(self, store: Path) -> None:
        self.store = store
        store.mkdir(parents=True, exist_ok=True)
        configuration = store / "containers.conf"
        configuration.write_text(CONFIGURATION)
        self.env = {**os.environ, "CONTAINERS_CONF": str(configuration)}
        # A program that takes no options for its podman gets one that has them.
        self.program = store / "podman"
        options = f"--root {store}/storage --runroot {store}/run"
        self.program.write_text(f'#!/bin/sh\nexec {shutil.which("podman")} {options} "$@"\n')
        self.program.chmod(0o755)

    def run(self, *arguments: str, within_s: float = 60) -> str:
        done = subprocess.run(
            [self.program, *arguments], env=self.env, capture_output=True, text=True, timeout=within_s
        )
        if done.returncode:
            raise RuntimeError(f"podman {' '.join(arguments)} ended with {done.returncode}.\n{done.stderr}")
        # A container's log has both.
        return (done.stdout + (done.stderr if arguments[0] == "logs" else "")).strip()

    def has(self, image: str) -> bool:
        return bool(self.run("images", "--quiet", "--filter", f"reference={image}"))

    def build(self, folder: Path, target: str, image: str) -> None:
        """Build an image, with the layers of earlier builds where nothing has changed."""
        words = ["build", "--quiet", "--network", "host", "--layers", "--target", target, "--tag", image]
        self.run(*words, str(folder), within_s=BUILD_S)

    def inspect(self, name: str) -> dict:
        """Return what is known of a container or an image."""
        [found] = json.loads(self.run("inspect", name))
        return found

    def size_bytes(self, image: str) -> int:
        return self.inspect(image)["Size"]

    def provide(self, images: list[str]) -> None:
        """Have these official images: from a registry, or made here."""
        for image in images:
            name = f"docker.io/library/{image}"
            if self.has(name) or self._pulls(name):
                continue
            if not self.has(DEBIAN):
                self._import_debian()
            self.build(STAND_INS, next(target for target in TARGETS if image.startswith(target)), name)

    def _pulls(self, name: str) -> bool:
        try:
            self.run("pull", "--quiet", name, within_s=BUILD_S)
        except (RuntimeError, subprocess.TimeoutExpired):
            return False
        return True

    def _import_debian(self) -> None:
        """Make an image of Debian's smallest system, with the ways of this machine to its packages."""
        with tempfile.TemporaryDirectory(prefix="photohub-debian-", dir=self.store) as folder:
            system = Path(folder) / "system"
            command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm"]
            subprocess.run([*command, str(system)], check=True, capture_output=True, timeout=BUILD_S)
            shutil.rmtree(system / "var/cache/apt/archives")
            for path in filter(os.path.exists, OF_THE_MACHINE):
                copy = system / path.lstrip("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            packed = Path(folder) / "system.tar"
            with tarfile.open(packed, "w") as archive:
                archive.add(system, arcname=".")
            self.run("import", "--quiet", str(packed), DEBIAN, within_s=BUILD_S)


def official_images(compose: dict) -> Iterator[str]:
    """Yield the images that the compose file and the Dockerfile take from elsewhere."""
    for service in compose["services"].values():
        if "build" not in service:
            yield service["image"]
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("FROM ") and ":" in line:
            yield line.split()[1]
