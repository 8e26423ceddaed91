"""Comparing runs over seeds: statistics, verdicts, rankings, tables and the page."""
