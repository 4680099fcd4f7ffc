from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
<<<<<<<< HEAD:devices/migrations/0010_ask_hawkbit_devices_what_they_are.py
        ("devices", "0009_pull_fingerprint"),
========
        ("devices", "0009_pull_fingerprint"),
>>>>>>>> df1e9b3 (Describe in the OpenAPI document what the API takes and answers, and hold every answer of the tests against it):devices/migrations/0008_ask_hawkbit_devices_what_they_are.py
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="config_wanted",
            field=models.BooleanField(default=True),
        ),
    ]
