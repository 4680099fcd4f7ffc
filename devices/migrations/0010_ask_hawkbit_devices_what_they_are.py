from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0009_pull_fingerprint"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="config_wanted",
            field=models.BooleanField(default=True),
        ),
    ]
