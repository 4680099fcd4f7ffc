"""Ways to a person: their secrets and pages, and one file for each kind of way. What is sent, and when, is decided above."""
