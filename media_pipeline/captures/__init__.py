"""One stored picture: its row, its page, its files, labels, thumbnail, and what happened to it.

Many pictures at once are in `history`, deleting them in `maintenance`.
"""
