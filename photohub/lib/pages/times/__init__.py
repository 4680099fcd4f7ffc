"""Dates and times as people read them: the one form of each, for each language.

Here: the forms, and the template tags that write them. `static/js/times.js` tells the same in the browser. Not here:
which zone counts (`photohub.lib.pages.timezones`), and reading times that people or programs wrote (`instants`).
"""
