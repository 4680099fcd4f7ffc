"""PhotoHub: cameras that are not phones send pictures here, and people see them."""

__version__ = "0.1.0"
