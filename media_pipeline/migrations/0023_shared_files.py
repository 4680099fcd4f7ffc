from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0022_indexes_of_nodes"),
    ]

    operations = [
        migrations.CreateModel(
            name="SharedFile",
            fields=[
                ("key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("node", models.SmallIntegerField(blank=True, editable=False, null=True)),
                ("stored_at", models.DateTimeField(blank=True, null=True)),
                ("used_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "file of all machines",
                "verbose_name_plural": "files of all machines",
                "indexes": [
                    models.Index(
                        condition=models.Q(("stored_at", None)),
                        fields=["node"],
                        name="shared_files_to_store",
                    )
                ],
            },
        ),
    ]
