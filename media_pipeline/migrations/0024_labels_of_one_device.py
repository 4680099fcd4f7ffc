from django.db import migrations, models
from django.db.models import F, Q

from photohub.lib.database.indexes import AddIndexBeside, HoldsWord, Unindexed

FLAGS = ("truncated", "trailing", "transport", "clock", "large_preview", "no_preview")


def _index(name, condition, column):
    fields = ["device", "-received_at", "-id", column, "trashed_at"]
    index = models.Index(
        fields=fields, condition=condition & Q(trashed_at=None), name=f"of_one_device_{name}"
    )
    return AddIndexBeside(model_name="capture", index=index)


def _index_of_one_fault():
    index = models.Index(
        F("device"),
        Unindexed("fault"),
        F("received_at").desc(),
        F("id").desc(),
        F("trashed_at"),
        condition=Q(fault__isnull=False, trashed_at=None),
        name="of_one_device_one_fault",
    )
    return AddIndexBeside(model_name="capture", index=index)


class Migration(migrations.Migration):
    # Millions of pictures may be there, and cameras send meanwhile.
    atomic = False

    dependencies = [
        ("media_pipeline", "0024_alerts"),
    ]

    operations = [
        _index("kept", Q(kept=True), "kept"),
        _index("asked_for", Q(command__isnull=False), "command"),
        _index("any_fault", Q(fault__isnull=False), "fault"),
        *(_index(word, Q(HoldsWord("flags", word)), "flags") for word in FLAGS),
        _index_of_one_fault(),
    ]
