"""What `up` prints when it is ready."""

from django.conf import settings

from photohub.lib.network import site


def banner(*, demo: bool, owner_token: str | None) -> str:
    """Return the lines that tell where everything is, and loudly what is not where one would look."""
    base = site.base_url()
    lines = ["", "PhotoHub is ready.", ""]
    lines.append(
        f"  Page      {base}"
        + ("" if settings.PHOTOHUB_URL else f"   (here: http://localhost:{site.http_port()})")
    )
    lines.append(
        f"  MQTT      {site.host_and_port(site.mqtt_host(), site.mqtt_port())}"
        + ("  (outside broker)" if settings.MQTT_URL else "")
    )
    lines.append(f"  Stream    {site.host_and_port(site.stream_host(), site.stream_port())}")
    lines.append(f"  Data      {settings.PHOTOHUB_DATA}")
    lines += _ports_taken()
    if demo:
        lines.append(
            "  Demo      simulated cameras, boards and a panel are connecting; their past month is painted meanwhile."
        )
    if owner_token:
        lines += [
            "",
            "  Nobody owns this hub yet. Open this link once to become its owner:",
            "",
            f"  {base}/setup/{owner_token}",
        ]
        if not settings.PHOTOHUB_URL:
            lines.append(f"  http://localhost:{site.http_port()}/setup/{owner_token}")
    return "\n".join([*lines, "", "Stop with Ctrl+C.", ""])


def _ports_taken() -> list[str]:
    """Tell of each port that another program has, and where the hub is instead."""
    lines = []
    if site.http_port() != settings.HTTP_PORT:
        lines.append(
            f"  NOTE      port {settings.HTTP_PORT} is taken by another program, so the page is on {site.http_port()}."
        )
    if not settings.MQTT_URL and site.mqtt_port() != settings.MQTT_PORT:
        lines.append(
            f"  NOTE      port {settings.MQTT_PORT} is taken by another program, so MQTT is on {site.mqtt_port()}: "
            "tell your cameras, or stop that program."
        )
    if site.stream_port() != settings.STREAM_PORT:
        lines.append(
            f"  NOTE      port {settings.STREAM_PORT} is taken by another program, so streams are on "
            f"{site.stream_port()}: tell your cameras, or stop that program."
        )
    return lines
