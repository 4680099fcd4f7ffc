from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0002_pull_sources"),
    ]

    operations = [
        migrations.AddField(
            model_name="brokeraccount",
            name="role_fingerprint",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
