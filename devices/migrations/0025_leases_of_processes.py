import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0024_fill_devices_in_groups"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("schedule", "Schedule"), ("beat", "Beat"), ("gateway", "Gateway")],
                        max_length=10,
                    ),
                ),
                ("holder", models.CharField(blank=True, max_length=32)),
                ("place", models.CharField(blank=True, max_length=120)),
                ("number", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("until", models.DateTimeField(default=django.utils.timezone.now)),
                ("facts", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "verbose_name": "lease",
                "verbose_name_plural": "leases",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("number__isnull", False)),
                        fields=("kind", "number"),
                        name="leases_counted_once",
                    )
                ],
            },
        ),
    ]
