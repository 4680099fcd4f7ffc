import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_the_devices(apps, schema_editor):
    """Write down whose picture each link opens."""
    links, captures = (apps.get_model("media_pipeline", name) for name in ("ShareLink", "Capture"))
    devices = captures.objects.filter(pk=OuterRef("capture")).values("device")[:1]
    links.objects.filter(device=None).update(device=Subquery(devices))


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0013_sentences_in_the_readers_language"),
        ("media_pipeline", "0008_trash"),
    ]

    operations = [
        migrations.AddField(
            model_name="sharelink",
            name="kind",
            field=models.CharField(
                choices=[
                    ("picture", "one picture"),
                    ("selection", "several pictures"),
                    ("day", "pictures of one camera from a span of time"),
                    ("live", "live view of one camera"),
                ],
                default="picture",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="sharelink",
            name="capture",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="share_links",
                to="media_pipeline.capture",
            ),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="captures",
            field=models.ManyToManyField(blank=True, related_name="+", to="media_pipeline.capture"),
        ),
        migrations.AddField(
            model_name="sharelink",
            name="device",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="devices.device",
            ),
        ),
        migrations.AddField(
            model_name="sharelink", name="since", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="sharelink", name="before", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="sharelink",
            name="password",
            field=models.CharField(blank=True, default="", max_length=128),
        ),
        migrations.AddField(
            model_name="sharelink", name="opened_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunPython(name_the_devices, migrations.RunPython.noop),
    ]
