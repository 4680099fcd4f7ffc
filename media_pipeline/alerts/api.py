"""The management API of alerts: a person's own rules and channels, for owners the hub's as well, and what was told."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from devices.access.groups import DeviceGroup
from devices.access.rights import Action, person_asking, require_owner, within_token
from devices.registry.disclosure import tell_group
from devices.registry.finding import device_of
from photohub.lib.http.refusals.api_error import ApiError
from photohub.lib.pages.api import Body, Changes, Cursor, Limit, Page, Text, page_of

from . import delivering, rules
from .channels import rules as channels
from .channels.models import AlertChannel
from .models import Alert, AlertMessage, AlertRule
from .quiet import DAY_MINUTES
from .wording import alerts_seen_by, with_parts

router = Router()
CHANNELS_AT_MOST = channels.CHANNELS_AT_MOST

Code = Annotated[str, Field(max_length=32)]
Minute = Annotated[int, Field(ge=0, lt=DAY_MINUTES, description="Minute of the hub's day")]
Whose = Literal["me", "hub"]


class ChannelOut(Schema):
    """One way to a person. Its address is told to nobody."""

    id: UUID
    whose: Whose
    kind: Literal["service", "webhook", "push"]
    name: str
    shown: str = Field(description="As much of the address as people may read")
    language: str
    enabled: bool
    created_at: datetime
    answered_at: datetime | None
    answer: str = Field(description="What the other side answered when it last took something")
    error: str = Field(description="Why it does not work now; empty: it does, or nobody knows")

    @staticmethod
    def resolve_whose(channel: AlertChannel) -> str:
        return _whose(channel)

    @staticmethod
    def resolve_error(channel: AlertChannel) -> str:
        return channel.error_text


class NewChannelOut(ChannelOut):
    """A webhook's secret is shown here once more than on its page."""

    secret: str | None = Field(description="What a webhook's messages are signed with")


class NewChannel(Body):
    """A channel to be made: an Apprise address, or a webhook's."""

    kind: Literal["service", "webhook"]
    address: Annotated[Text, Field(min_length=1, max_length=channels.ADDRESS_CHARS)]
    name: Annotated[Text, Field(max_length=80)] = ""
    secret: Annotated[Text, Field(max_length=120)] = Field("", description="Of a webhook; empty: a new one")
    whose: Whose = "me"


class ChannelTestOut(Schema):
    """What came of a test."""

    sent: bool
    answer: str = Field(description="What the other side answered, or why it was not sent")


class AlertRuleOut(Schema):
    """Tell `channels` when something of this kind happens."""

    id: UUID
    whose: Whose
    kind: str
    device: str | None
    group: str | None = Field(description="Empty: a group that you cannot see any more")
    threshold: int = Field(description="Seconds or percent, as the kind has it; 0: it has none")
    from_minute: int | None
    until_minute: int | None
    quiet_from: int | None
    quiet_until: int | None
    only_unlike: bool
    pause_s: int
    enabled: bool
    channels: list[UUID]
    created_at: datetime

    @staticmethod
    def resolve_whose(rule: AlertRule) -> str:
        return _whose(rule)

    @staticmethod
    def resolve_device(rule: AlertRule) -> str | None:
        return rule.device.code if rule.device else None

    @staticmethod
    def resolve_group(rule: AlertRule, context) -> str | None:
        # The group may have left the person's sight, and got another name since.
        return tell_group(person_asking(context), rule.group.name) if rule.group else None

    @staticmethod
    def resolve_channels(rule: AlertRule) -> list[UUID]:
        return [channel.pk for channel in rule.channels.all()]


class AlertRuleChanges(Changes):
    """What can be changed of a rule. What is left out stays as it is."""

    device: Code | None = Field(None, description="Code of the device; null: all, or those of the group")
    group: Annotated[Text, Field(max_length=80)] | None = Field(None, description="Name of a group")
    threshold: Annotated[int, Field(ge=0)] = 0
    from_minute: Minute | None = None
    until_minute: Minute | None = None
    quiet_from: Minute | None = None
    quiet_until: Minute | None = None
    only_unlike: bool = False
    pause_s: Annotated[int, Field(ge=0, le=rules.PAUSE_BOUNDS_S[1])] = 0
    enabled: bool = True
    channels: Annotated[list[Text], Field(max_length=CHANNELS_AT_MOST)] = []


class NewAlertRule(AlertRuleChanges):
    """A rule to be made."""

    kind: Annotated[Text, Field(max_length=24)]
    channels: Annotated[list[Text], Field(min_length=1, max_length=CHANNELS_AT_MOST)]
    whose: Whose = "me"


class ToldOut(Schema):
    """How far one message is."""

    channel: UUID
    phase: Literal["began", "over"]
    state: Literal["waiting", "sent", "skipped", "failed"]
    attempts: int
    error: str
    finished_at: datetime | None

    @staticmethod
    def resolve_channel(message: AlertMessage) -> UUID:
        return message.channel_id

    @staticmethod
    def resolve_error(message: AlertMessage) -> str:
        return message.error_text


class AlertOut(Schema):
    """One thing that happened, and who was told."""

    id: UUID
    rule: UUID
    kind: str
    device: str | None
    picture: UUID | None
    text: str = Field(description="For people, in the language of Accept-Language")
    began_at: datetime
    over_at: datetime | None
    told: list[ToldOut]

    @staticmethod
    def resolve_rule(alert: Alert) -> UUID:
        return alert.rule.pk

    @staticmethod
    def resolve_kind(alert: Alert) -> str:
        return alert.rule.kind

    @staticmethod
    def resolve_device(alert: Alert) -> str | None:
        return alert.device.code if alert.device else None

    @staticmethod
    def resolve_picture(alert: Alert) -> UUID | None:
        return alert.capture_id

    @staticmethod
    def resolve_text(alert: Alert) -> str:
        return alert.what_text


def _whose(row: AlertRule | AlertChannel) -> str:
    return "hub" if row.user_id is None else "me"


def _require_scope(request: HttpRequest) -> None:
    """Refuse a token that may only look or command: where messages go is for whoever manages."""
    if not within_token(request.user, Action.MANAGE):
        raise ApiError(403, "forbidden", _("This token lacks the scope “manage”."))


def _require_read(request: HttpRequest) -> None:
    if not within_token(request.user, Action.LOOK):
        raise ApiError(403, "forbidden", _("This token lacks the scope “read”."))


@router.get("/alerts", response=Page[AlertOut], summary="List what was told")
def list_alerts(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """Of your own rules and, for owners, of the hub's. Newest first."""
    _require_read(request)
    items, following = page_of(alerts_seen_by(request.user), "began_at", cursor, limit)
    return {"items": items, "next": following}


@router.get("/alerts/channels", response=Page[ChannelOut], summary="List the channels")
def list_channels(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """Your own and, for owners, the hub's. Newest first."""
    _require_read(request)
    items, following = page_of(AlertChannel.objects.seen_by(request.user), "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/alerts/channels", response={201: NewChannelOut}, summary="Add a channel")
def create_channel(request: HttpRequest, new: NewChannel):
    """For whoever is logged in; of the hub, for owners."""
    _require_scope(request)
    for_hub = _for_hub(request, new.whose)
    language = get_language() or "en"
    if new.kind == "webhook":
        made = channels.add_webhook(
            request.user, new.name, new.address, language, for_hub=for_hub, secret=new.secret
        )
    else:
        made = channels.add_service(request.user, new.name, new.address, "other", language, for_hub=for_hub)
    return Status(201, made)


@router.delete("/alerts/channels/{id}", response={204: None}, summary="Delete a channel")
def delete_channel(request: HttpRequest, id: UUID):
    """With what still waits for it."""
    channels.delete_channel(_channel_of(request, id))
    return Status(204, None)


@router.post("/alerts/channels/{id}/test", response=ChannelTestOut, summary="Send a test")
def test_channel(request: HttpRequest, id: UUID):
    """At once; the answer is the other side's."""
    channel = _channel_of(request, id)
    why = delivering.send_test(channel)
    channel.refresh_from_db()
    return {"sent": why is None, "answer": channel.answer if why is None else str(why)}


def _channel_of(request: HttpRequest, id: UUID) -> AlertChannel:
    _require_scope(request)
    return get_object_or_404(AlertChannel.objects.seen_by(request.user), pk=id)


def _for_hub(request: HttpRequest, whose: str) -> bool:
    if whose == "hub":
        require_owner(request)
    return whose == "hub"


@router.get("/alerts/rules", response=Page[AlertRuleOut], summary="List the rules of alerts")
def list_alert_rules(request: HttpRequest, limit: Limit = 100, cursor: Cursor = ""):
    """Your own and, for owners, the hub's. Newest first."""
    _require_read(request)
    rows = with_parts(AlertRule.objects.seen_by(request.user))
    items, following = page_of(rows, "created_at", cursor, limit)
    return {"items": items, "next": following}


@router.post("/alerts/rules", response={201: AlertRuleOut}, summary="Add a rule of alerts")
def create_alert_rule(request: HttpRequest, new: NewAlertRule):
    """For whoever is logged in; of the hub, for owners. It tells of what happens from now on."""
    _require_scope(request)
    for_hub = _for_hub(request, new.whose)
    return Status(201, _save(request, new, for_hub=for_hub))


@router.patch("/alerts/rules/{id}", response=AlertRuleOut, summary="Change a rule of alerts")
def patch_alert_rule(request: HttpRequest, id: UUID, changes: AlertRuleChanges):
    """What is open is closed without a word when the rule means something else from now on."""
    rule = _rule_of(request, id)
    return _save(request, changes, rule, for_hub=rule.user_id is None)


@router.delete("/alerts/rules/{id}", response={204: None}, summary="Delete a rule of alerts")
def delete_alert_rule(request: HttpRequest, id: UUID):
    """With what it told of."""
    rules.delete_rule(_rule_of(request, id))
    return Status(204, None)


def _rule_of(request: HttpRequest, id: UUID) -> AlertRule:
    _require_scope(request)
    return get_object_or_404(AlertRule.objects.seen_by(request.user), pk=id)


def _save(
    request: HttpRequest, asked: AlertRuleChanges, rule: AlertRule | None = None, *, for_hub: bool
) -> AlertRule:
    values = asked.model_dump(exclude_unset=True)
    values.pop("whose", None)
    chosen = values.pop("channels", None)
    if values.get("device"):
        values["device"] = device_of(request, values["device"])
    if values.get("group"):
        values["group"] = _group_of(request, values["group"])
    found = None if chosen is None else _channels_of(request, chosen)
    saved = rules.save_rule(values, found, request.user, rule, for_hub=for_hub)
    return with_parts(AlertRule.objects.all()).get(pk=saved.pk)


def _group_of(request: HttpRequest, name: str) -> DeviceGroup:
    group = DeviceGroup.objects.visible_to(request.user).filter(name=name).first()
    if group is None:
        raise ValidationError({"group": _("There is no such group.")})
    return group


def _channels_of(request: HttpRequest, ids: list[str]) -> list[AlertChannel]:
    try:
        keys = {UUID(id) for id in ids}
    except ValueError:
        keys = set()
    found = list(AlertChannel.objects.seen_by(request.user).filter(pk__in=keys))
    if len(found) < len(set(ids)):
        raise ValidationError({"channels": _("There is no such channel.")})
    return found
