"""The part of a device that only panels have, as programs see and change it."""

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from devices.access.rights import Action, can, person_asking
from devices.registry.disclosure import tell_label
from devices.registry.models import Panel
from photohub.lib.pages.api import Changes, Text, between

from .settings import POLL_INTERVAL_S, WINDOW


class PanelOut(Schema):
    """What a device that shows pictures wants, and what it shows now."""

    render_profile: str = Field(description="A render profile's name; empty: the bytes as they are")
    poll_interval_s: int = Field(
        description="How long it sleeps between fetches; a playlist's pace over MQTT"
    )
    window: int = Field(description="Packets on their way at once")
    hardware_address: str = Field(
        description="By which a panel that sets itself up is known, and given its key; for owners, else empty"
    )
    claimed_at: datetime | None = Field(description="When the panel with that address was given its key")
    shown_sha256: str = Field(description="Of the bytes that it shows, as far as it proved")
    shown_label: str = Field(description="Empty for a picture that you may not see")
    shown_at: datetime | None
    last_poll_at: datetime | None

    @staticmethod
    def resolve_hardware_address(panel: Panel, context: dict | None) -> str:
        # Whoever names it at the set-up endpoint first is given the panel's key.
        return panel.hardware_address if can(person_asking(context), Action.MANAGE, panel) else ""

    @staticmethod
    def resolve_shown_label(panel: Panel, context: dict | None) -> str:
        return tell_label(person_asking(context), panel.shown_label, panel.device)

    @staticmethod
    def resolve_render_profile(panel: Panel) -> str:
        return panel.render_profile.name if panel.render_profile else ""


class PanelChanges(Changes):
    """What can be changed of a panel. What is left out stays as it is."""

    render_profile: Annotated[Text, Field(max_length=40)] = ""
    poll_interval_s: Annotated[int, between(POLL_INTERVAL_S)] = 900
    window: Annotated[int, between(WINDOW)] = 1
    hardware_address: Annotated[Text, Field(max_length=40)] = Field(
        "", description="12 hexadecimal digits; empties the picture topics, since such a panel fetches"
    )
