"""From what was typed to checked settings."""
