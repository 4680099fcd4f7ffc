"""New firmware for devices: who signed it, where it lies, and how it reaches one device after another."""
