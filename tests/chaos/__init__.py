"""Real processes, killed at random. Each module is a command, and a small test under the marker ``chaos``."""
