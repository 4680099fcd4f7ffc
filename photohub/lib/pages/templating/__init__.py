"""Templates that are rendered quickly: tags whose text is known beforehand, and templates that many rows are put into.

What a template says is not here.
"""
