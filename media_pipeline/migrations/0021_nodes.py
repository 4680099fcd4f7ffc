from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0022_indexes_of_the_list_of_deliveries"),
        ("media_pipeline", "0020_index_of_texts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Node",
            fields=[
                ("number", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("uid", models.UUIDField(unique=True)),
                ("name", models.CharField(max_length=40)),
                ("address", models.CharField(max_length=200)),
                ("place", models.CharField(max_length=120)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "active"),
                            ("draining", "being emptied"),
                            ("empty", "empty"),
                            ("forgotten", "declared lost"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("joined_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("free_bytes", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "machine",
                "verbose_name_plural": "machines",
                "ordering": ["number"],
            },
        ),
        migrations.AddField(
            model_name="capture",
            name="node",
            field=models.SmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="ossobject",
            name="node",
            field=models.SmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="removal",
            name="node",
            field=models.SmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="timelapse",
            name="node",
            field=models.SmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="node",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "forgotten"), _negated=True),
                fields=("name",),
                name="one_living_node_of_a_name",
            ),
        ),
    ]
