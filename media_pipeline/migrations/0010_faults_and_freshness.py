from django.db import migrations, models
from django.db.models import TextField
from django.db.models.functions import Cast


def name_cut_pictures(apps, schema_editor):
    """Give pictures that were known to be cut the word by which they are found from now on."""
    rows = apps.get_model("media_pipeline", "Capture").objects.alias(text=Cast("flags", TextField()))
    rows.filter(text__contains='"truncated"').update(fault="cut_short")


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0016_second_try_of_a_command"),
        ("media_pipeline", "0009_share_links_of_several_kinds"),
    ]

    operations = [
        migrations.AddField(
            model_name="capture",
            name="fault",
            field=models.CharField(blank=True, max_length=12, null=True),
        ),
        migrations.AddField(
            model_name="capture",
            name="fault_values",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="capture",
            name="freshness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("fresh", "fresh"),
                    ("same", "same bytes as before"),
                    ("unlike", "unlike the order"),
                ],
                max_length=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="capture",
            name="freshness_values",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.RunPython(name_cut_pictures, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("fault__isnull", False), ("trashed_at", None)),
                fields=["-received_at", "-id", "fault"],
                name="captures_with_a_fault",
            ),
        ),
    ]
