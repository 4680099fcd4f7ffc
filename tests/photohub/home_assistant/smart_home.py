"""Home Assistant as far as its integration MQTT goes: it discovers, subscribes to what it is told of, and presses buttons.

The schemas have the keys that Home Assistant's own have (components/mqtt: schemas, image, camera, button, sensor and
binary_sensor of 2024.11 and later). There what is unknown is left out without a word; here it is a fault.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiomqtt
from jsonschema import Draft202012Validator

from tests.waiting import until

TEXT, TOPIC = {"type": "string", "minLength": 1}, {"type": "string", "pattern": "^[^+#\\x00]+$"}


def an_object(required: dict, optional: dict | None = None) -> dict:
    properties = required | (optional or {})
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


AVAILABILITY = {
    "type": "array",
    "items": an_object(
        {"topic": TOPIC},
        {"value_template": TEXT, "payload_available": TEXT, "payload_not_available": TEXT},
    ),
}
COMMON = {
    "unique_id": TEXT,
    "name": {"type": ["string", "null"]},
    "icon": {"type": "string", "pattern": "^mdi:"},
    "entity_category": {"enum": ["config", "diagnostic"]},
    "availability": AVAILABILITY,
}
_STATE = {"value_template": TEXT, "device_class": TEXT}
# The platform → what a component of it must have, and may.
PLATFORMS = {
    "image": ({"url_topic": TOPIC}, {}),
    "camera": ({"topic": TOPIC}, {}),
    "button": ({"command_topic": TOPIC}, {"payload_press": TEXT}),
    "binary_sensor": ({"value_template": TEXT}, _STATE),
    "sensor": (
        {"value_template": TEXT},
        _STATE
        | {
            "unit_of_measurement": {"enum": ["%", "dBm"]},
            "state_class": {"enum": ["measurement", "total"]},
        },
    ),
}
DEVICE_CLASSES = {
    "binary_sensor": {"connectivity"},
    "sensor": {"battery", "signal_strength", "timestamp"},
}
DEVICE = an_object(
    {"identifiers": {"type": "array", "items": TEXT, "minItems": 1}},
    {
        "name": TEXT,
        "manufacturer": TEXT,
        "model": TEXT,
        "sw_version": TEXT,
        "configuration_url": {"type": "string", "pattern": "^https?://"},
    },
)
DISCOVERY = an_object(
    {
        "device": DEVICE,
        "origin": an_object({"name": TEXT}, {"sw_version": TEXT, "support_url": TEXT}),
        "components": {"type": "object", "minProperties": 1},
    },
    {"state_topic": TOPIC, "availability": AVAILABILITY},
)


def check(config: dict) -> None:
    """Raise where Home Assistant would not take a message of discovery, or would leave a part of it out."""
    Draft202012Validator(DISCOVERY).validate(config)
    seen = set()
    for component in config["components"].values():
        platform = component["platform"]
        required, optional = PLATFORMS[platform]
        if component == {"platform": platform}:
            # Which takes the component away.
            continue
        form = an_object({"platform": TEXT, "unique_id": TEXT} | required, COMMON | optional)
        Draft202012Validator(form).validate(component)
        kind = component.get("device_class")
        assert kind is None or kind in DEVICE_CLASSES[platform], component
        assert component["unique_id"] not in seen
        seen.add(component["unique_id"])


class HomeAssistant:
    """One that is connected. `configs`: what it discovered, by topic; `told`: the last message of each topic."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.configs: dict[str, dict] = {}
        self.told: dict[str, bytes] = {}
        self.has_ended = False

    async def run(self) -> None:
        try:
            async for message in self.client.messages:
                await self._take(str(message.topic), bytes(message.payload))
        finally:
            self.has_ended = True

    async def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("homeassistant/") and topic.endswith("/config"):
            await self._discover(topic, payload)
        else:
            self.told[topic] = payload

    async def _discover(self, topic: str, payload: bytes) -> None:
        if not payload:
            self.configs.pop(topic, None)
            return
        config = json.loads(payload)
        check(config)
        self.configs[topic] = config
        wanted = {config["state_topic"]}
        for component in config["components"].values():
            wanted |= {component[key] for key in ("url_topic", "topic") if key in component}
        await self.client.subscribe([(each, 0) for each in sorted(wanted)])

    def device(self, code: str) -> dict | None:
        return self.configs.get(f"homeassistant/device/photohub-{code}/config")

    def state(self, code: str) -> dict:
        return json.loads(self.told.get(f"photohub-home/{code}/state") or b"{}")

    async def press(self, code: str) -> None:
        """Press the button that takes a picture, as the discovery says it is done."""
        button = self.device(code)["components"]["take"]
        await self.client.publish(button["command_topic"], button["payload_press"], qos=1)

    async def gets_preview(self, code: str) -> bytes:
        """Say that it is there, as it does when its discovery has cooled down, until it has the picture.

        Said once it may be before the hub listens, in the very second in which it was let in.
        """
        async with asyncio.timeout(30):
            while (picture := self.told.get(f"photohub-home/{code}/preview")) is None:
                await self.client.publish("homeassistant/status", "online", qos=1)
                with suppress(TimeoutError):
                    await until(lambda: f"photohub-home/{code}/preview" in self.told, 1)
        return picture

    async def discovers(self, code: str) -> dict:
        await until(lambda: self.device(code) is not None and self.state(code), 20)
        return self.device(code)


@asynccontextmanager
async def at_home(port: int, username: str = "", password: str = "") -> AsyncIterator[HomeAssistant]:
    """Start Home Assistant: it subscribes as its integration does."""
    login = {"username": username, "password": password} if username else {}
    will = aiomqtt.Will("homeassistant/status", "offline")
    async with aiomqtt.Client("127.0.0.1", port, will=will, timeout=20, **login) as client:
        home = HomeAssistant(client)
        running = asyncio.create_task(home.run())
        await client.subscribe([("homeassistant/+/+/config", 0), ("homeassistant/+/+/+/config", 0)])
        try:
            yield home
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
