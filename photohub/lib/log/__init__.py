"""The log: its form, the secrets that may not stand in it, and a bound for what repeats."""
