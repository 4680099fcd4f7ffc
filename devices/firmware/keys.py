"""The public keys that firmware may be signed with."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from devices.access.rights import actor_of
from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import record as events
from devices.events.models import EventType
from photohub.lib.pages.sentences import said

from . import signing, withdrawal
from .errors import FirmwareRefused, FirmwareTaken
from .models import Firmware, SigningKey


def add_key(name: str, text: str, user=None) -> SigningKey:
    """Trust a public key, given as hex, base64 or PEM. Raises FirmwareRefused, or FirmwareTaken when it is known."""
    try:
        public_key = signing.read_public_key(text).hex()
    except signing.BadKey as error:
        sentence = _(
            "This is not an Ed25519 public key. Paste its 64 hex digits, its base64 form or the PEM block."
        )
        raise FirmwareRefused("key", sentence) from error
    try:
        with transaction.atomic():
            key = SigningKey.objects.create(
                name=name.strip()[:80], public_key=public_key, added_by=actor_of(user)
            )
            _tell(key, gettext_noop("The signing key %(name)s (%(key)s) was added."), user)
            audit.note(Word.ADDED, Kind.SIGNING_KEY, key.fingerprint, key.name)
    except IntegrityError as error:
        raise FirmwareTaken("taken", _("This key is already known. A revoked key stays revoked.")) from error
    return key


def revoke_key(key: SigningKey, user=None) -> bool:
    """Trust a key no more, for good: what it signed is neither published nor served. Tells whether that is new."""
    with transaction.atomic():
        rows = SigningKey.objects.filter(pk=key.pk, revoked_at=None)
        if not rows.update(revoked_at=timezone.now()):
            return False
        _tell(key, gettext_noop("The signing key %(name)s (%(key)s) was revoked."), user)
        audit.note(Word.REVOKED, Kind.SIGNING_KEY, key.fingerprint, key.name)
        signed = Firmware.objects.filter(signing_key=key).values_list("pk", flat=True)
        withdrawal.withdraw(list(signed), "revoked_key", user)
    key.refresh_from_db()
    return True


def _tell(key: SigningKey, sentence: str, user) -> None:
    words = {"name": key.name, "key": key.fingerprint}
    events.record(EventType.NOTICE, actor=user, sentence=said(sentence, **words))
