import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import Q

from photohub.lib.database.indexes import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("devices", "0027_audit"),
    ]

    operations = [
        migrations.CreateModel(
            name="CameraSettings",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="camera_settings",
                        serialize=False,
                        to="devices.device",
                    ),
                ),
                ("understood", models.BooleanField(default=False)),
                ("desired", models.JSONField(blank=True, default=dict)),
                ("version", models.PositiveIntegerField(default=0)),
                (
                    "wish_state",
                    models.CharField(
                        choices=[
                            ("none", "nothing was asked for"),
                            ("waiting", "waiting until the camera is there"),
                            ("sent", "the camera was told"),
                            ("applied", "the camera has it"),
                            ("refused", "the camera refused a part"),
                            ("unanswered", "the camera did not answer"),
                        ],
                        default="none",
                        max_length=12,
                    ),
                ),
                ("wished_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("said_on", models.DateTimeField(blank=True, null=True)),
                ("said_times", models.PositiveSmallIntegerField(default=0)),
                ("reported", models.JSONField(blank=True, default=dict)),
                ("reported_version", models.PositiveIntegerField(blank=True, null=True)),
                ("reported_at", models.DateTimeField(blank=True, null=True)),
                ("refused", models.JSONField(blank=True, default=dict)),
                ("known", models.JSONField(blank=True, default=list)),
                ("restart_name", models.CharField(blank=True, max_length=49)),
                (
                    "restart_state",
                    models.CharField(
                        choices=[
                            ("none", "nobody asked"),
                            ("waiting", "waiting until the camera is there"),
                            ("sent", "the camera was told"),
                            ("done", "the camera started again"),
                            ("expired", "the camera did not say that it started again"),
                        ],
                        default="none",
                        max_length=12,
                    ),
                ),
                ("restart_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("restart_until", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "camera settings",
                "verbose_name_plural": "camera settings",
                "indexes": [
                    models.Index(
                        condition=Q(wish_state__in=("waiting", "sent")),
                        fields=["wished_at"],
                        name="camera_settings_to_say",
                    ),
                    models.Index(
                        condition=Q(restart_state__in=("waiting", "sent")),
                        fields=["restart_until"],
                        name="restarts_that_may_expire",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="device",
            name="one_wake",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="command",
            name="returns_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        AddIndexBeside(
            model_name="command",
            index=models.Index(
                condition=Q(state__in=("queued", "sent")),
                fields=["device", "created_at"],
                name="open_commands_of_a_device",
            ),
        ),
    ]
