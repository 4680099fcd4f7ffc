"""Hubs to measure: people who may log in, and work inside their databases."""

import json
import subprocess
import sys
from typing import Any

import httpx

from benchmarks.load import ROOT

PASSWORD = "a long enough word 7"
OWNER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": PASSWORD}


def in_hub(env: dict[str, str], job: str, module: str = "filling", **values: Any) -> Any:
    """Do a job of `benchmarks.<module>` on the hub that this environment names, and return its answer."""
    command = [sys.executable, "-m", f"benchmarks.{module}", json.dumps({"job": job, **values})]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The job {job!r} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout)


def log_in(url: str) -> httpx.Client:
    """Return a browser in which the owner is logged in."""
    browser = httpx.Client(base_url=url, trust_env=False, timeout=30)
    browser.get("/login")
    token = next(value for name, value in browser.cookies.items() if "csrf" in name)
    form = {"username": "ada", "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = browser.post("/login", data=form, headers={"referer": url})
    if answer.status_code != 302:
        raise RuntimeError(f"The owner could not log in: {answer.status_code}.")
    return browser
