import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from photohub.lib.database.indexes import AddIndexBeside, HoldsWord, IsMissing, RemoveIndexBeside

FLAGS = ("truncated", "trailing", "transport", "clock", "large_preview", "no_preview")


def _index(name, condition, first=(), last=()):
    fields = [*first, "-received_at", "-id", *last, "trashed_at"]
    return AddIndexBeside(
        model_name="capture", index=models.Index(fields=fields, condition=condition, name=name)
    )


def _of_copies(name, states):
    index = models.Index(fields=["capture"], condition=Q(state__in=states), name=name)
    return AddIndexBeside(model_name="ossobject", index=index)


def drop_index_of_devices(apps, schema_editor):
    beside = "CONCURRENTLY " if schema_editor.connection.vendor == "postgresql" else ""
    schema_editor.execute(f"DROP INDEX {beside}IF EXISTS media_pipeline_capture_device_id_3f7fa075")


class Migration(migrations.Migration):
    # Millions of pictures may be there, and cameras send meanwhile.
    atomic = False

    dependencies = [
        ("media_pipeline", "0017_kept_figures"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            # To alter the field, SQLite would write the whole table anew.
            database_operations=[migrations.RunPython(drop_index_of_devices, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(
                    model_name="capture",
                    name="device",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="captures",
                        to="devices.device",
                    ),
                )
            ],
        ),
        # Each stands before the one that it replaces goes.
        _index("captures_newest_first", Q(trashed_at=None)),
        RemoveIndexBeside(model_name="capture", name="captures_for_history"),
        _index("captures_of_one_device", Q(trashed_at=None), ["device"]),
        RemoveIndexBeside(model_name="capture", name="captures_of_a_device"),
        _index("captures_with_any_fault", Q(fault__isnull=False, trashed_at=None), last=["fault"]),
        RemoveIndexBeside(model_name="capture", name="captures_with_a_fault"),
        _index("captures_of_one_fault", Q(fault__isnull=False, trashed_at=None), ["fault"]),
        _index("captures_kept", Q(kept=True, trashed_at=None), last=["kept"]),
        _index("captures_asked_for", Q(command__isnull=False, trashed_at=None), last=["command"]),
        _index("captures_sent_by_themselves", Q(IsMissing("command"), trashed_at=None), last=["command"]),
        *(
            _index(f"captures_{word}", Q(HoldsWord("flags", word), trashed_at=None), last=["flags"])
            for word in FLAGS
        ),
        _of_copies("objects_that_wait", ("pending", "uploading")),
        _of_copies("objects_in_trouble", ("blocked", "failed")),
    ]
