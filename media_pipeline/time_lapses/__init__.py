"""Time-lapse films: asking for one, making it in stretches, its pages and its file."""
