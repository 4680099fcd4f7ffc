import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery

BATCH = 5000


def copy_times(apps, schema_editor):
    """Give each tag of a picture the picture's time, some at a time."""
    taggings = apps.get_model("media_pipeline", "Tagging").objects.using(schema_editor.connection.alias)
    captures = apps.get_model("media_pipeline", "Capture").objects
    at = captures.filter(pk=OuterRef("capture")).values("received_at")[:1]
    last = 0
    while keys := list(taggings.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        taggings.filter(pk__in=keys).update(received_at=Subquery(at))


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0018_indexes_for_filters_of_large_tables"),
    ]

    operations = [
        # The table was Django's own until now.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Tagging",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "capture",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, to="media_pipeline.capture"
                            ),
                        ),
                        (
                            "tag",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE, to="media_pipeline.tag"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "tag of a picture",
                        "verbose_name_plural": "tags of pictures",
                        "db_table": "media_pipeline_capture_tags",
                        "unique_together": {("capture", "tag")},
                    },
                ),
                migrations.AlterField(
                    model_name="capture",
                    name="tags",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="captures",
                        through="media_pipeline.Tagging",
                        to="media_pipeline.tag",
                    ),
                ),
            ],
        ),
        migrations.AddField(model_name="tagging", name="received_at", field=models.DateTimeField(null=True)),
        migrations.RunPython(copy_times, migrations.RunPython.noop),
        migrations.AlterField(model_name="tagging", name="received_at", field=models.DateTimeField()),
        migrations.AddIndex(
            model_name="tagging",
            index=models.Index(fields=["tag", "-received_at", "-capture"], name="newest_captures_of_a_tag"),
        ),
    ]
