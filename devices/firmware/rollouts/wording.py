"""Why a device has no new version yet, in words: every stable word has its sentence here."""

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from photohub.lib.pages.sentences import Said, said, said_of
from photohub.lib.pages.times.wording import moment

from . import planning
from .models import Rollout, RolloutState, RolloutTarget, TargetState

SENTENCES: dict[str, str | Promise] = {
    # What keeps a device from being offered an image.
    "product": gettext_lazy("The image is for another product."),
    "hardware": gettext_lazy(
        "The image is for different hardware. If it does fit, set the device's hardware."
    ),
    "counter": gettext_lazy("The device runs a newer version, and the rollout does not allow going back."),
    "already": gettext_lazy("It already runs this version."),
    "disabled": gettext_lazy("The device is turned off in its settings."),
    "draft": gettext_lazy("The rollout has not been started yet."),
    "paused": gettext_lazy("The rollout is paused."),
    "ended": gettext_lazy("The rollout has ended."),
    "step": gettext_lazy("Its turn comes in a later step."),
    "rate": gettext_lazy("The limit of devices per minute is reached; its turn comes soon."),
    "busy": gettext_lazy("Another update of the same module is in progress."),
    "broken": gettext_lazy("The stored image is damaged or not published."),
    "link_unknown": gettext_lazy("The hub has not yet checked whether its outside address is reachable."),
    "link_broken": gettext_lazy("The hub's outside address does not answer, so a download would fail."),
    # Why a rollout is paused or ended.
    "person": gettext_lazy("Someone asked for this."),
    "threshold": gettext_lazy("Too many devices failed."),
    "step_failed": gettext_lazy("Too many devices in this step failed, so the next one was not started."),
    "integrity": gettext_lazy("The stored image is damaged."),
    "unsigned": gettext_lazy("The image is not signed."),
    "revoked_key": gettext_lazy("The key that signed the image was revoked."),
    "signature": gettext_lazy("The signature of the image does not match."),
    "expired": gettext_lazy("The image's manifest has expired."),
    "future": gettext_lazy("The image's manifest is dated in the future."),
    "facts": gettext_lazy("The stored details of the image do not match its manifest."),
    # How a device's update ended.
    "upgrade": gettext_lazy("The device said that the update failed."),
    "download": gettext_lazy("The device said that it could not download the image."),
    "check": gettext_lazy("The device said that the image did not pass its check."),
    "flashing": gettext_lazy("The device said that it could not write the image."),
    "rejected": gettext_lazy("The device refused the update."),
    "wrong_chip": gettext_lazy("The image is for a different chip than the device has."),
    "no_image": gettext_lazy("The image is empty."),
    "too_large": gettext_lazy("The device has no room for so many bytes."),
    "wrong_format": gettext_lazy("The image is in a format the device would reject."),
    "flash_size": gettext_lazy("The image was built for a different flash size."),
    "unfetched": gettext_lazy("The device said that it was done, but it never fetched the image."),
    "too_many_offers": gettext_lazy("The device kept coming back without getting the image."),
    "old_version": gettext_lazy("The device said it was done but still runs another version."),
    "said_done": gettext_lazy("The device said it was done but did not report its version."),
    "silent": gettext_lazy("The device went silent before it was done."),
    "cancelled": gettext_lazy("The rollout was cancelled."),
}


def sentence_of(word: str) -> str:
    """Return the sentence of a word; one that a later version wrote stands for itself."""
    return str(SENTENCES.get(word, word))


def ending_of(state: str, word: str, text: str = "") -> str:
    """Say how an update ended. `text` is what the device said, in its own language."""
    return str(ending_said(state, word, text))


def ending_said(state: str, word: str, text: str = "") -> Said:
    """Return the same to be kept in an event."""
    if state == TargetState.PROVED:
        return said("The device reports the new version.")
    sentence = said_of(SENTENCES.get(word, word)) if word else said("Failed.")
    return said("%(sentence)s (%(text)s)", sentence=sentence, text=text) if text else sentence


def explain_rollout(rollout: Rollout) -> str:
    """Say why a rollout stands still; nothing while it runs or has finished."""
    if rollout.state == RolloutState.DRAFT:
        return sentence_of("draft")
    return sentence_of(rollout.reason_word) if rollout.reason_word else ""


def explain_all(rollout: Rollout, targets: list[RolloutTarget]) -> list[str]:
    """Say of each of these devices of one rollout what `explain` says, and ask the database once for all."""
    waiting = [target for target in targets if target.state == TargetState.WAITING]
    seen = planning.look_at(rollout, waiting) if waiting else None
    return [explain(target, seen) for target in targets]


def explain(target: RolloutTarget, seen: planning.Outlook | None = None) -> str:
    """Say how far a device is and what it waits for, or how it ended."""
    match target.state:
        case TargetState.WAITING:
            return _explain_waiting(target, seen)
        case TargetState.OFFERED:
            words = {"n": target.offers, "most": target.rollout.offers_at_most}
            return _("Offered (%(n)d of at most %(most)d times); the download has not started.") % words
        case TargetState.DOWNLOADING:
            words = {"percent": target.percent, "time": moment(target.heard_at or timezone.now())}
            return _("It has %(percent)d %% of the image; last heard at %(time)s.") % words
        case TargetState.FLASHING:
            return _explain_flashing(target)
    return ending_of(target.state, target.reason_word, target.reason)


def _explain_waiting(target: RolloutTarget, seen: planning.Outlook | None) -> str:
    device, rollout = target.device, target.rollout
    word = planning.hindrance(target, "aliyun" if device.product_key else "", seen)
    if word == "paused" and rollout.reason_word:
        return f"{sentence_of(word)} {sentence_of(rollout.reason_word)}"
    if word:
        return sentence_of(word)
    if device.online:
        return _("It gets the image the next time it asks.")
    if device.last_seen_at is None:
        return _("The device has never been seen.")
    return _("The device is offline; it was last heard at %(time)s.") % {"time": moment(device.last_seen_at)}


def _explain_flashing(target: RolloutTarget) -> str:
    words = {"time": moment(target.deadline_at or timezone.now())}
    if target.reason_word == "old_version":
        return _("It said it was done, but reports another version; it has until %(time)s.") % words
    if target.reason_word == "said_done":
        return _("It says it is done; it has to report the new version until %(time)s.") % words
    return _("It writes the image; it has to report the new version until %(time)s.") % words
