"""Firmware images and what is known of them."""

from django.db import models
from django.utils import timezone

from photohub.lib.ids import new_id


class Firmware(models.Model):
    """One image for one module of one product, with the facts that a device checks it by."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.CharField(max_length=64)
    hardware = models.CharField(max_length=64, blank=True)
    module = models.CharField(max_length=64, default="default")
    version = models.CharField(max_length=64)
    counter = models.PositiveBigIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField()
    md5 = models.CharField(max_length=32)
    sha256 = models.CharField(max_length=64)
    signature = models.BinaryField(null=True, blank=True)
    path = models.CharField(max_length=200)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "hardware", "module", "version"], name="one_image_per_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.module} {self.version}"

    @property
    def signed(self) -> bool:
        return bool(self.signature)
