"""From what was typed to checked settings."""

from pathlib import Path

_PACKED = Path(__file__).parents[1] / "conf"

# Every YAML file: packed into an installed package, at the top level of a checkout.
CONF = _PACKED if _PACKED.is_dir() else Path(__file__).parents[2] / "conf"


def choices(group: str) -> list[str]:
    """The names of the package's choices of a config group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))
