"""Render profiles as the API shows them."""

from django.http import HttpRequest
from ninja import Router, Schema

from .models import RenderProfile

router = Router()


class RenderProfileOut(Schema):
    """How one kind of panel wants its pictures."""

    name: str
    label: str
    settings: dict
    ready_made: bool


@router.get("/render-profiles", response=list[RenderProfileOut], summary="List the render profiles")
def list_render_profiles(request: HttpRequest):
    """The ready-made ones and the hub's own."""
    return list(RenderProfile.objects.all())
