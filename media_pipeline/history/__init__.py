"""Looking through many pictures: filters, pages, the picker, archives.

One picture is in `media_pipeline.captures`.
"""
