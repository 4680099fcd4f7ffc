"""What devices said of themselves: battery, signal, free memory, thinned and kept for plots.

Not here: what was said last, which stands in the device's row (`devices.registry.presence`), and the pages that draw it
(`media_pipeline.plots`).
"""
