"""What the API answers where it refuses: the refusal, and the words for values that are wrong."""
