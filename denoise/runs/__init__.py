"""Running: one run or a sweep, from the command to the last line on the screen."""
