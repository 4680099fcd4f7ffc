from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0012_indexes_for_sweeps_of_large_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="command",
            name="reason_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="command",
            name="reason_word",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="delivery",
            name="reason_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="firmware",
            name="problem_said",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="servicebeat",
            name="sentence_said",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
