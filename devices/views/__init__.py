"""Pages of devices: each view fetches and authorises in its first line."""
