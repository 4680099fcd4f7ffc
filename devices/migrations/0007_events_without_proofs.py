"""Take out of old events how keys begin and the addresses by which panels are given a key: viewers read events."""

from django.db import migrations
from django.db.models import Value
from django.db.models.functions import Replace


def _forget(apps, _schema_editor) -> None:
    event, key, panel = (apps.get_model("devices", name) for name in ("Event", "DeviceKey", "Panel"))
    proofs = list(key.objects.values_list("device", "prefix"))
    proofs += panel.objects.exclude(hardware_address="").values_list("device", "hardware_address")
    for device, proof in proofs:
        told = event.objects.filter(device=device, sentence__contains=proof)
        told.update(sentence=Replace("sentence", Value(proof), Value("")))


class Migration(migrations.Migration):
    dependencies = [("devices", "0006_troubles")]

    operations = [migrations.RunPython(_forget, migrations.RunPython.noop)]
