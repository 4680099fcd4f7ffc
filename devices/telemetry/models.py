"""Figures of devices: at most one sample a minute for a week, and the hours of a year."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# What is kept: the names of the columns here and in the device's row.
FIGURES = ("battery_mv", "rssi_dbm", "free_heap_bytes")


class TelemetrySample(models.Model):
    """What a device said in one minute, counted from 1970 in UTC."""

    device_id: int

    # No constraint in the database: it would be asked at every message.
    device = models.ForeignKey(
        "devices.Device",
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="samples",
    )
    minute = models.IntegerField(db_index=True)
    battery_mv = models.IntegerField(null=True, blank=True)
    rssi_dbm = models.SmallIntegerField(null=True, blank=True)
    free_heap_bytes = models.IntegerField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("figures of a minute"), _("figures of minutes")
        constraints = [
            models.UniqueConstraint(fields=["device", "minute"], name="one_sample_per_device_and_minute"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.minute}"


class TelemetryHour(models.Model):
    """The samples of one hour, counted from 1970 in UTC: the lowest, the mean and the highest of each figure."""

    device_id: int

    device = models.ForeignKey(
        "devices.Device", on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="hours"
    )
    hour = models.IntegerField(db_index=True)
    battery_mv_low = models.IntegerField(null=True, blank=True)
    battery_mv_mean = models.IntegerField(null=True, blank=True)
    battery_mv_high = models.IntegerField(null=True, blank=True)
    rssi_dbm_low = models.SmallIntegerField(null=True, blank=True)
    rssi_dbm_mean = models.SmallIntegerField(null=True, blank=True)
    rssi_dbm_high = models.SmallIntegerField(null=True, blank=True)
    free_heap_bytes_low = models.IntegerField(null=True, blank=True)
    free_heap_bytes_mean = models.IntegerField(null=True, blank=True)
    free_heap_bytes_high = models.IntegerField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("figures of an hour"), _("figures of hours")
        constraints = [
            models.UniqueConstraint(fields=["device", "hour"], name="one_sum_per_device_and_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.hour}"


class SummedUp(models.Model):
    """The one row that tells up to which hour, and without it, samples are summed up."""

    until = models.IntegerField()

    def __str__(self) -> str:
        return str(self.until)
