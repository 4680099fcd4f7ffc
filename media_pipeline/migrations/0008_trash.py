import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0007_errors_in_the_readers_language"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="capture",
            name="trashed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="capture",
            name="trashed_by",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveIndex(model_name="capture", name="captures_for_history"),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("trashed_at", None)),
                fields=["-received_at", "-id"],
                name="captures_for_history",
            ),
        ),
        migrations.RemoveIndex(model_name="capture", name="captures_of_a_device"),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("trashed_at", None)),
                fields=["device", "-received_at", "-id"],
                name="captures_of_a_device",
            ),
        ),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("trashed_at__isnull", False)),
                fields=["-trashed_at", "-id"],
                name="captures_in_trash",
            ),
        ),
        migrations.AddIndex(
            model_name="capture",
            index=models.Index(
                condition=models.Q(("trashed_at__isnull", False)),
                fields=["sha256"],
                name="captures_in_trash_by_bytes",
            ),
        ),
        migrations.CreateModel(
            name="EmptyingOrder",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("upto", models.DateTimeField()),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
