"""Asking `/metrics` as Prometheus does."""

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from photohub import asgi

OPEN_METRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
Sample = tuple[str, frozenset[tuple[str, str]]]


async def ask(address: str = "127.0.0.1", host: str = "127.0.0.1", method: str = "GET", **headers: str):
    """Send one request from this address."""
    transport = httpx.ASGITransport(asgi.application, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}", trust_env=False) as client:
        return await client.request(method, "/metrics", headers=headers)


async def read() -> dict[Sample, float]:
    """Return every sample as a real parser reads it: name and labels → value."""
    answer = await ask(**OPEN_METRICS)
    assert answer.status_code == 200, answer.text
    return samples_of(answer.text)


def samples_of(text: str) -> dict[Sample, float]:
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def named(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())
