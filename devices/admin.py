"""The back office's tables of devices, orders to them, and rights. Secrets are never columns here."""

from operator import attrgetter

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectMultipleWidget

from devices.access.back_office import ReadOnlyAdmin, told
from devices.access.groups import DeviceGroup
from devices.access.models import ApiToken, BrowserSession, Membership, Role
from devices.audit.back_office import LoggedAdmin
from devices.audit.models import AuditEntry
from devices.camera_settings.models import CameraSettings
from devices.commands.models import Command
from devices.events.models import Event, ServiceBeat, Trouble
from devices.firmware.models import Firmware, SigningKey
from devices.firmware.rollouts.models import Rollout, RolloutTarget
from devices.firmware.rollouts.wording import ending_of, explain_rollout
from devices.hub_settings.models import HubSetting
from devices.leases.models import Lease
from devices.panels.deliveries.models import Delivery
from devices.panels.deliveries.wording import reason_of
from devices.panels.playlists.models import PlaylistItem
from devices.panels.rendering.models import RenderProfile
from devices.registry.models import BrokerAccount, Device, DeviceKey, Panel
from devices.schedules.models import RunDay, Schedule, ScheduledRun

_SENTENCE = told(_("Sentence"), attrgetter("text"))
_REASON = told(_("Reason"), attrgetter("reason_text"))


def _ending_of(target: RolloutTarget) -> str:
    return ending_of(target.state, target.reason_word, target.reason) if target.reason_word else ""


class DeviceForm(forms.ModelForm):
    """A device with its groups, which Django asks for nowhere else where their table has a model of its own."""

    groups = forms.ModelMultipleChoiceField(
        DeviceGroup.objects.all(),
        label=_("Groups"),
        required=False,
        widget=UnfoldAdminSelectMultipleWidget,
    )


def _groups_of(device: Device) -> str:
    # Fetched along with the rows of the page.
    return ", ".join(group.name for group in device.groups.all())


@admin.register(Device)
class DeviceAdmin(LoggedAdmin):
    list_display = [
        "code",
        "name",
        "profile",
        told(_("Groups"), _groups_of),
        "enabled",
        "link_state",
        "last_seen_at",
        "firmware_version",
    ]
    list_filter = ["enabled", "profile", "groups", "link_state", "simulated"]
    search_fields = ["code", "name", "note"]
    form = DeviceForm
    # A device's code is in its topics, its firmware and its links; the topics are checked by its own page.
    readonly_fields = [
        "code",
        "profile",
        "link_state",
        "link_changed_at",
        "last_seen_at",
        "last_address",
        "battery_mv",
        "rssi_dbm",
        "free_heap_bytes",
        "firmware_version",
        "created_at",
    ]

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        """Devices are added on their own page, which also makes the key."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(DeviceGroup)
class DeviceGroupAdmin(LoggedAdmin):
    list_display = ["name"]
    search_fields = ["name"]


@admin.register(DeviceKey)
class DeviceKeyAdmin(ReadOnlyAdmin):
    list_display = ["prefix", "device", "created_at", "last_used_at", "revoked_at"]
    search_fields = ["prefix", "device__code", "device__name"]
    list_select_related = ["device"]
    exclude = ["sha256"]


@admin.register(BrokerAccount)
class BrokerAccountAdmin(ReadOnlyAdmin):
    list_display = ["username", "device", "user", "state", "wanted", "attempts", "next_try_at", "error"]
    list_filter = ["state", "wanted"]
    search_fields = ["username"]
    list_select_related = ["device", "user"]
    exclude = ["secret_encrypted"]


@admin.register(Membership)
class MembershipAdmin(LoggedAdmin):
    """Several roles for one person, each for a group. Owners are made and unmade on the People page."""

    list_display = ["user", "role", "group"]
    list_filter = ["role", "group"]
    search_fields = ["user__username"]
    list_select_related = ["user", "group"]
    autocomplete_fields = ["group"]

    def formfield_for_choice_field(self, db_field, request: HttpRequest, **kwargs):
        if db_field.name == "role":
            kwargs["choices"] = [choice for choice in Role.choices if choice[0] != Role.OWNER]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _makes_owner(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not _makes_owner(obj)

    def get_actions(self, request: HttpRequest) -> dict:
        # Deleting many at once asks for no single row, so it could remove the last owner.
        return {}


def _makes_owner(membership: Membership | None) -> bool:
    return membership is not None and membership.role == Role.OWNER


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "prefix",
        "user",
        "scopes",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    ]
    search_fields = ["name", "prefix", "user__username"]
    list_select_related = ["user"]
    exclude = ["sha256"]


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = [
        "name",
        "device",
        "state",
        _REASON,
        "asked_by",
        "created_at",
        "sent_at",
        "finished_at",
        "attempts",
    ]
    list_filter = ["state"]
    search_fields = ["name", "device__code"]
    list_select_related = ["device", "asked_by"]


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Changed on their own pages, which reckon the next time as well."""

    list_display = ["name", "device", "group", "kind", "enabled", "next_run_at", "last_run_at"]
    list_filter = ["enabled", "kind"]
    search_fields = ["name", "device__code"]
    list_select_related = ["device", "group"]


@admin.register(ScheduledRun)
class ScheduledRunAdmin(ReadOnlyAdmin):
    list_display = ["schedule", "device", "due_at", "state", "gap", _REASON]
    list_filter = ["state", "gap"]
    list_select_related = ["schedule", "device"]


@admin.register(RunDay)
class RunDayAdmin(ReadOnlyAdmin):
    list_display = ["day", "device", "expected", "arrived", "offline", "silent", "refused", "hub_away"]
    list_select_related = ["device"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "device",
        "state",
        "packets_acked",
        "packets_total",
        told(_("Reason"), reason_of),
        "created_at",
        "finished_at",
    ]
    list_filter = ["state", "way", "origin"]
    search_fields = ["device__code"]
    list_select_related = ["device"]


@admin.register(CameraSettings)
class CameraSettingsAdmin(ReadOnlyAdmin):
    list_display = ["device", "understood", "wish_state", "version", "reported_version", "reported_at"]
    list_filter = ["wish_state", "understood"]
    search_fields = ["device__code"]
    list_select_related = ["device"]


@admin.register(Panel)
class PanelAdmin(ReadOnlyAdmin):
    list_display = ["device", "render_profile", "shown_label", "shown_at", "last_poll_at", "poll_interval_s"]
    search_fields = ["device__code", "hardware_address"]
    list_select_related = ["device", "render_profile"]


@admin.register(PlaylistItem)
class PlaylistItemAdmin(ReadOnlyAdmin):
    list_display = ["device", "position", "camera", "label", "created_at"]
    search_fields = ["device__code", "label"]
    list_select_related = ["device", "camera"]


@admin.register(RenderProfile)
class RenderProfileAdmin(ReadOnlyAdmin):
    list_display = ["name", "label", "ready_made", "created_at"]
    search_fields = ["name", "label"]


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["seq", "at", "type", "device", _SENTENCE, "problem", "actor"]
    list_filter = ["type", "problem"]
    search_fields = ["sentence", "device__code"]
    list_select_related = ["device", "actor"]


@admin.register(BrowserSession)
class BrowserSessionAdmin(ReadOnlyAdmin):
    list_display = ["user", "address", "agent", "created_at", "last_seen_at"]
    search_fields = ["user__username", "address"]
    list_select_related = ["user"]
    exclude = ["session_key"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "at",
        "person_name",
        "word",
        "kind",
        "object_name",
        told(_("Details"), attrgetter("text")),
    ]
    list_filter = ["word", "kind"]
    search_fields = ["person_name", "object_id", "object_name"]


@admin.register(Firmware)
class FirmwareAdmin(ReadOnlyAdmin):
    list_display = ["product", "module", "version", "counter", "size_bytes", "state", "created_at"]
    list_filter = ["product", "module", "state"]
    search_fields = ["product", "version"]
    exclude = ["signature"]


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "public_key", "created_at", "revoked_at"]


@admin.register(Rollout)
class RolloutAdmin(ReadOnlyAdmin):
    list_display = ["firmware", "state", told(_("Reason"), explain_rollout), "created_at"]
    list_filter = ["state"]
    list_select_related = ["firmware"]


@admin.register(RolloutTarget)
class RolloutTargetAdmin(ReadOnlyAdmin):
    list_display = [
        "device",
        "module",
        "rollout",
        "state",
        "percent",
        told(_("Reason"), _ending_of),
        "changed_at",
    ]
    list_filter = ["state"]
    search_fields = ["device__code"]
    list_select_related = ["device", "rollout__firmware"]
    # It opens a download.
    exclude = ["token"]


@admin.register(HubSetting)
class HubSettingAdmin(ReadOnlyAdmin):
    """Each has a page that knows its rules."""

    list_display = ["name", "value", "changed_at"]


@admin.register(ServiceBeat)
class ServiceBeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "ok", "at", "changed_at", _SENTENCE]


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "place", "since", "until"]


@admin.register(Trouble)
class TroubleAdmin(ReadOnlyAdmin):
    list_display = ["device", _SENTENCE, "since", "last_at", "over_at", "count"]
    list_select_related = ["device"]
    list_filter = ["word"]
