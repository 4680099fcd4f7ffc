from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0010_faults_and_freshness"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChangedHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="CountedSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("since", models.IntegerField()),
                ("until", models.IntegerField()),
                ("version", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="DayCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("camera", models.BigIntegerField()),
                ("day", models.IntegerField(db_index=True)),
                ("pictures", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("camera", "day"), name="one_count_per_camera_and_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="HourCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("camera", models.BigIntegerField()),
                ("hour", models.IntegerField(db_index=True)),
                ("first", models.IntegerField(default=0)),
                ("second", models.IntegerField(default=0)),
                ("third", models.IntegerField(default=0)),
                ("fourth", models.IntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("camera", "hour"), name="one_count_per_camera_and_hour")
                ],
            },
        ),
    ]
