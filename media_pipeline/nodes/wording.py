"""Where a picture is that cannot be shown now, in words."""

from photohub.lib.pages.sentences import Said, said

from .known import Known


def away(node: Known | None) -> Said:
    """Say that a file is on a node that does not answer."""
    if node is None:
        return said("The file is on a machine that has not joined the hub yet.")
    if node.is_silent:
        return said(
            "The file is on the machine %(name)s, which has been silent since %(at)s.",
            name=node.name,
            at=node.seen_at,
        )
    return said("The file is on the machine %(name)s, which cannot be reached just now.", name=node.name)
