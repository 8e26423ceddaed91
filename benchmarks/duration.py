"""Says how long experiments will take: `python benchmarks/duration.py NAME... [KEY=VALUE...]`.

Runs that several experiments share count once; runs that finished earlier do not count.
"""

import logging
import sys

from hydra import compose, initialize_config_dir

from denoise.config import CONF, expand
from denoise.runs import plan
from denoise.tracking import store


def main(typed: list[str]) -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("denoise").setLevel(logging.INFO)
    values = [each for each in typed if "=" in each]
    names = [each for each in typed if "=" not in each]
    members = []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for name in names:
            overrides = [f"experiment={name}", *values]
            config = compose("config", overrides, return_hydra_config=True)
            runs = plan.members(config, expand.overrides(config))
            print(f"{name}: {len(runs)} runs")
            members += runs
    store.prepare(members[0].config.tracking)
    plan.announce(members, plan.share_cores(config, members), reuses=True)


if __name__ == "__main__":
    main(sys.argv[1:])
