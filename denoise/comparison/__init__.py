"""Runs beside each other, and what their numbers say."""
