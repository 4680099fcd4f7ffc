from django.db import OperationalError, migrations, models

import media_pipeline.search.models
from media_pipeline.search.blocks import CREATE_FTS, CREATE_GIN, FTS, GIN


def create(apps, schema_editor):
    """Make the index of the pieces, in the way that the database has for it."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE_GIN)
        return
    try:
        schema_editor.execute(CREATE_FTS)
    except OperationalError as error:
        # A SQLite that was built without it looks through all pictures, as before.
        if "fts5" not in str(error):
            raise


def drop(apps, schema_editor):
    what = (
        f"INDEX IF EXISTS {GIN}"
        if schema_editor.connection.vendor == "postgresql"
        else f"TABLE IF EXISTS {FTS}"
    )
    schema_editor.execute(f"DROP {what}")


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0019_times_of_tags"),
    ]

    operations = [
        migrations.CreateModel(
            name="TextBlock",
            fields=[
                ("since", models.BigIntegerField(primary_key=True, serialize=False)),
                ("until", models.BigIntegerField()),
                ("grams", media_pipeline.search.models.GramsField()),
            ],
        ),
        migrations.CreateModel(
            name="ChangedText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="IndexedSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.BigIntegerField()),
                ("until", models.BigIntegerField()),
                ("version", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RunPython(create, drop),
    ]
