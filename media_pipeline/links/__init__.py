"""Links that work without an account: `/p/<code>`, shares, and publishing a picture's link to its device.

One-time links of people are in `photohub.accounts`.
"""
