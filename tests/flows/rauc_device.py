"""A board whose program is the hawkBit client of the RAUC project: it asks, downloads, checks and reports by itself.

A process of its own: `rauc_device.py <JSON: host, code, key, attributes, folder, result>`. The client leaves the installing to
RAUC, over D-Bus, with glib. In the place of these stands what follows: a bus on which `Install` takes every bundle and
completes with the `result`. It prints `installed <result>`.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType


class Bus:
    """Stands where `rauc_hawkbit.dbus_client.AsyncDBUSClient` stands."""

    def __init__(self) -> None:
        self._callbacks = {}

    def new_proxy(self, interface: str, object_path: str) -> "Bus":
        return self

    def new_property_subscription(self, interface: str, name: str, callback) -> None:
        self._callbacks[name] = callback

    def new_signal_subscription(self, interface: str, name: str, callback) -> None:
        self._callbacks[name] = callback

    def Install(self, signature: str, bundle: str) -> None:
        shutil.copy(bundle, SETTINGS["folder"] + "/installed")
        self._installing = asyncio.create_task(self._complete())

    async def _complete(self) -> None:
        await self._tell("Progress", (40, "Copying image to rootfs.1", 1))
        if SETTINGS["result"]:
            await self._tell("LastError", "the bundle does not fit")
        await self._tell("Completed", (SETTINGS["result"],))

    async def _tell(self, name: str, value: object) -> None:
        await self._callbacks[name](None, "", "/", "", name, value)


def stand_in(name: str, **parts: object) -> None:
    """Put a module with these parts in the place of one that is not here."""
    module = ModuleType(name)
    module.__dict__.update(parts)
    sys.modules[name] = module


SETTINGS = json.loads(sys.argv[1])
stand_in("gi")
stand_in("gi.repository", GLib=type("GLib", (), {"Error": RuntimeError}))
stand_in("rauc_hawkbit.dbus_client", AsyncDBUSClient=Bus)

import aiohttp  # noqa: E402
from rauc_hawkbit.rauc_dbus_ddi_client import RaucDBUSDDIClient  # noqa: E402


def done(result: int) -> None:
    print(f"installed {result}", flush=True)


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        client = RaucDBUSDDIClient(
            session,
            SETTINGS["host"],
            False,
            "DEFAULT",
            SETTINGS["code"],
            SETTINGS["key"],
            SETTINGS["attributes"],
            str(Path(SETTINGS["folder"]) / "bundle.raucb"),
            done,
        )
        await client.start_polling(wait_on_error=1)


asyncio.run(main())
