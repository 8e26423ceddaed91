"""Runs and their MLflow store: recorded, mirrored, found again."""
