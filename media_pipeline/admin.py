"""The back office's tables of pictures. What was received is evidence, so its facts are only read."""

from operator import attrgetter

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from devices.access.back_office import ReadOnlyAdmin, told
from devices.audit.back_office import LoggedAdmin
from media_pipeline.captures.models import Capture, Tag
from media_pipeline.keep_rules.models import KeepRule
from media_pipeline.links.models import ShareLink
from media_pipeline.mirror.models import OSSObject
from media_pipeline.nodes.models import Node
from media_pipeline.shared_files.models import SharedFile
from media_pipeline.show_rules.models import ShowRule, ShowRun
from media_pipeline.time_lapses.models import TimeLapse


@admin.register(Capture)
class CaptureAdmin(ReadOnlyAdmin):
    """Notes, tags, keeping and deleting belong to the picture's own page, which also sees to its files."""

    list_display = [
        "name",
        "device",
        "source",
        "received_at",
        "size_bytes",
        "width",
        "height",
        "thumbnail_state",
        "kept",
    ]
    list_filter = ["source", "kept", "thumbnail_state", "publish_state"]
    search_fields = ["name", "code", "device__code"]
    list_select_related = ["device"]


@admin.register(OSSObject)
class OSSObjectAdmin(ReadOnlyAdmin):
    list_display = [
        "key",
        "state",
        "attempts",
        "next_try_at",
        told(_("Error"), attrgetter("error_text")),
        "created_at",
        "mirrored_at",
    ]
    list_filter = ["state", "error_word"]
    search_fields = ["key"]
    raw_id_fields = ["capture"]


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    list_display = ["number", "name", "address", "state", "seen_at", "free_bytes"]


@admin.register(SharedFile)
class SharedFileAdmin(ReadOnlyAdmin):
    list_display = ["key", "node", "stored_at", "used_at"]
    search_fields = ["key"]


@admin.register(KeepRule)
class KeepRuleAdmin(ReadOnlyAdmin):
    """Chosen on the page of settings, which shows beforehand what would go."""

    list_display = ["device", "group", "keep_days", "before_days", "holds_from"]
    list_select_related = ["device", "group"]


@admin.register(Tag)
class TagAdmin(LoggedAdmin):
    list_display = ["name"]
    search_fields = ["name"]


@admin.register(ShareLink)
class ShareLinkAdmin(ReadOnlyAdmin):
    list_display = ["kind", "device", "created_by", "created_at", "expires_at", "revoked_at", "opened"]
    list_select_related = ["device", "created_by"]
    exclude = ["code", "password"]


@admin.register(TimeLapse)
class TimeLapseAdmin(ReadOnlyAdmin):
    list_display = [
        "device",
        "state",
        "frames_done",
        "frames_total",
        "size_bytes",
        "asked_by",
        "created_at",
        told(_("Error"), attrgetter("error_text")),
    ]
    list_filter = ["state"]
    search_fields = ["device__code"]
    list_select_related = ["device", "asked_by"]


@admin.register(ShowRule)
class ShowRuleAdmin(ReadOnlyAdmin):
    list_display = ["name", "camera", "enabled", "render"]
    list_filter = ["enabled"]
    search_fields = ["name", "camera__code"]
    list_select_related = ["camera"]


@admin.register(ShowRun)
class ShowRunAdmin(ReadOnlyAdmin):
    list_display = ["rule", "state", told(_("Reason"), attrgetter("reason_text")), "at"]
    list_filter = ["state"]
    list_select_related = ["rule"]
