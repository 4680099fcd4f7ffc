"""A maker who releases firmware by the API, and time that can be moved, for tests over real sockets."""

import itertools
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from simulators.firmware_board import Board, Faults, Firmware, make_firmware
from tests.flows.story import Visitor, until
from tests.hub_process import HubProcess

OLD = "1.0.0"
_numbers = itertools.count(1)


@dataclass
class Update:
    """One device on its way to one new image."""

    hub: HubProcess
    maker: Visitor
    device: dict[str, str]
    old: Firmware
    new: Firmware
    module: str
    rollout: str

    def board(self, **faults) -> Board:
        """Return a board of this kind that runs the old image."""
        return Board(self.old, Faults(**faults))

    async def target(self) -> dict:
        """Return how the update stands."""
        answer = await self.maker.api.get(f"/rollouts/{self.rollout}/targets")
        return answer.json()["items"][0]

    async def reach(self, state: str, within_s: float = 20.0) -> dict:
        """Wait for a state and return the target."""

        async def look() -> dict | None:
            now = await self.target()
            return now if now["state"] == state else None

        return await until(look, within_s)

    def check(self, version: str) -> httpx.Response:
        """Ask for an update, as the device."""
        query = {"module": self.module, "version": version}
        headers = {"X-Device-Key": self.device["key"]}
        return httpx.get(
            f"{self.hub.url}/api/v1/ota/check", params=query, headers=headers, trust_env=False, timeout=20
        )

    def turn_clock(self, seconds: float) -> None:
        """Let everything about this update have happened so much earlier."""
        turn_clock(self.hub, self.device["code"], seconds)


def turn_clock(hub: HubProcess, code: str, seconds: float) -> None:
    """Let everything about this device's update have happened so much earlier."""
    (row,) = hub.rows(
        "SELECT t.* FROM devices_rollouttarget t JOIN devices_device d ON d.id = t.device_id WHERE d.code = ?",
        code,
    )
    names = [name for name in ("heard_at", "last_offer_at", "deadline_at") if row[name]]
    moments = [datetime.fromisoformat(row[name]) - timedelta(seconds=seconds) for name in names]
    with sqlite3.connect(hub.data / "photohub.sqlite3", timeout=20) as database:
        setters = ", ".join(f"{name} = ?" for name in names)
        values = [f"{moment.astimezone(UTC).replace(tzinfo=None)}" for moment in moments]
        database.execute(f"UPDATE devices_rollouttarget SET {setters} WHERE id = ?", [*values, row["id"]])


async def release(
    hub: HubProcess,
    maker: Visitor,
    chip: str = "esp8266",
    module: str = "",
    size_bytes: int = 200_000,
    **plan,
) -> Update:
    """Upload and publish a new image, and roll it out to a new device."""
    number = next(_numbers)
    old, new = make_firmware(OLD, chip=chip), make_firmware(f"2.{number}.0", size_bytes, chip)
    made = (await maker.api.post("/devices", json={"code": f"board-{number}", "profile": "generic"})).json()
    facts = {"product": "generic", "module": module or "default", "version": new.version, "publish": "true"}
    files = {"file": (f"{new.version}.swu", new.data, "application/octet-stream")}
    stored = await maker.api.post("/firmware", data=facts, files=files)
    assert stored.status_code == 201, stored.text
    wish = {"firmware": stored.json()["id"], "devices": [made["code"]], "error_threshold": 100} | plan
    begun = await maker.api.post("/rollouts", json=wish)
    assert begun.status_code == 201, begun.text
    return Update(hub, maker, made, old, new, facts["module"], begun.json()["id"])
