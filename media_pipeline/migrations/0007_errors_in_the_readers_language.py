from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media_pipeline", "0006_newest_copies_and_late_publishes"),
    ]

    operations = [
        migrations.AddField(
            model_name="ossobject",
            name="error_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="removal",
            name="error_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="showrun",
            name="reason_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="timelapse",
            name="error_said",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
