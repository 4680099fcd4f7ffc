import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import photohub.lib.ids


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0026_indexes_of_silent_devices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=photohub.lib.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                (
                    "kind",
                    models.CharField(
                        choices=[("every", "every so many minutes"), ("times", "at certain times")],
                        default="every",
                        max_length=8,
                    ),
                ),
                ("every_min", models.PositiveIntegerField(default=60)),
                ("times", models.JSONField(blank=True, default=list)),
                ("weekdays", models.PositiveSmallIntegerField(default=127)),
                ("from_at", models.CharField(blank=True, max_length=16)),
                ("until_at", models.CharField(blank=True, max_length=16)),
                ("quiet_from", models.CharField(blank=True, max_length=16)),
                ("quiet_until", models.CharField(blank=True, max_length=16)),
                ("stagger_s", models.PositiveIntegerField(default=0)),
                ("latitude", models.FloatField(blank=True, null=True)),
                ("longitude", models.FloatField(blank=True, null=True)),
                ("enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("next_run_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("planned_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_run_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="schedules",
                        to="devices.device",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="schedules",
                        to="devices.devicegroup",
                    ),
                ),
            ],
            options={
                "verbose_name": "schedule",
                "verbose_name_plural": "schedules",
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="ScheduledRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=photohub.lib.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("until_at", models.DateTimeField(blank=True, null=True)),
                ("slots", models.PositiveIntegerField(default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for its turn"),
                            ("ordered", "the camera was asked"),
                            ("answered", "the picture is here"),
                            ("missed", "missed"),
                            ("skipped", "not asked"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "gap",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("offline", "offline"),
                            ("silent", "no answer"),
                            ("refused", "refused"),
                            ("hub_away", "hub away"),
                        ],
                        max_length=8,
                    ),
                ),
                ("reason_word", models.CharField(blank=True, max_length=40)),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("reason_said", models.JSONField(blank=True, default=dict)),
                ("check_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "command",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="devices.command",
                    ),
                ),
                (
                    "device",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scheduled_runs",
                        to="devices.device",
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="devices.schedule",
                    ),
                ),
            ],
            options={
                "verbose_name": "run of a schedule",
                "verbose_name_plural": "runs of schedules",
                "ordering": ["-due_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RunDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("expected", models.PositiveIntegerField(default=0)),
                ("arrived", models.PositiveIntegerField(default=0)),
                ("offline", models.PositiveIntegerField(default=0)),
                ("silent", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("hub_away", models.PositiveIntegerField(default=0)),
                (
                    "device",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="run_days",
                        to="devices.device",
                    ),
                ),
            ],
            options={
                "verbose_name": "day of scheduled pictures",
                "verbose_name_plural": "days of scheduled pictures",
                "indexes": [models.Index(fields=["day", "device"], name="run_days_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("device", "day"), name="one_count_of_runs_per_device_and_day"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                condition=models.Q(("deleted_at", None), ("enabled", True)),
                fields=["next_run_at"],
                name="schedules_that_are_due",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(
                condition=models.Q(("deleted_at", None), ("enabled", True)),
                fields=["planned_at"],
                name="schedules_by_planning",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("device", None), ("group__isnull", False)),
                    models.Q(("device__isnull", False), ("group", None)),
                    _connector="OR",
                ),
                name="a_schedule_is_of_a_camera_or_a_group",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["device"], name="waiting_runs_of_a_device"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["check_at"], name="runs_to_order"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("state", "ordered")), fields=["check_at"], name="runs_to_end"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(fields=["device", "-due_at", "-id"], name="runs_of_a_device"),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("state", "missed")),
                fields=["device", "-due_at", "-id"],
                name="missed_runs_of_a_device",
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(
                condition=models.Q(("state", "missed")), fields=["ended_at"], name="missed_runs_by_end"
            ),
        ),
        migrations.AddIndex(
            model_name="scheduledrun",
            index=models.Index(fields=["due_at"], name="runs_by_age"),
        ),
        migrations.AddConstraint(
            model_name="scheduledrun",
            constraint=models.UniqueConstraint(
                fields=("schedule", "due_at", "device"), name="a_schedule_runs_once_at_a_time"
            ),
        ),
    ]
