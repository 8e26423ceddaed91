"""Compares our t-SNE maps with openTSNE's default: `python benchmarks/tsne.py`, after `make study`.

For the latents of the study's six models it prints the CPU time of both on one thread, the exact
KL divergence of the map, which t-SNE minimises, and the share of each latent's ten neighbours that
are its neighbours on the map. Takes eight minutes.
"""

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from openTSNE import TSNE
from openTSNE.affinity import PerplexityBasedNN
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from speed import machine

from denoise import latent
from denoise.comparison import published
from denoise.config import CONF
from denoise.config.settings import Tracking
from denoise.evaluate import Settings
from denoise.tracking import files

EVALUATION: Any = OmegaConf.to_container(OmegaConf.load(CONF / "evaluation" / "default.yaml"))
SETTINGS = Settings(**EVALUATION)
NEIGHBOURS = 10
BLOCK = 1000
Fit = Callable[[np.ndarray], np.ndarray]


def latents() -> Iterator[tuple[str, np.ndarray]]:
    """The latents of the test images, of each of the study's six models in the store here."""
    for row in published.reached(Tracking(None, "denoise")):
        if row.run:
            with tempfile.TemporaryDirectory() as folder:
                files.download(row.run.id, "tables/codes.csv", Path(folder))
                with (Path(folder) / "tables" / "codes.csv").open() as file:
                    lines = list(csv.DictReader(file))
            keys = [key for key in lines[0] if key.startswith("code_")]
            yield row.row.label, np.array([[float(line[key]) for key in keys] for line in lines])


def default(codes: np.ndarray) -> np.ndarray:
    """openTSNE's Barnes-Hut with its default settings."""
    chosen = {"perplexity": SETTINGS.perplexity, "random_state": SETTINGS.random_state}
    return np.asarray(TSNE(negative_gradient_method="bh", n_jobs=1, **chosen).fit(codes))


def ours(codes: np.ndarray) -> np.ndarray:
    return latent.fitted(codes, SETTINGS)


def divergence(similar: csr_matrix, places: np.ndarray) -> float:
    """The KL divergence of a map from the similarities of codes, without approximation."""
    blocks = (places[start : start + BLOCK] for start in range(0, len(places), BLOCK))
    total = sum((1 / (1 + cdist(block, places, "sqeuclidean"))).sum() for block in blocks)
    pairs = similar.tocoo()
    distances = np.square(places[pairs.row] - places[pairs.col]).sum(1)
    on_the_map = 1 / (1 + distances) / (total - len(places))
    return float((pairs.data * np.log(pairs.data / on_the_map)).sum())


def kept(codes: np.ndarray, places: np.ndarray) -> float:
    """The share of neighbours among the codes that are neighbours on the map."""
    before, after = (
        NearestNeighbors(n_neighbors=NEIGHBOURS).fit(each).kneighbors(return_distance=False)
        for each in (codes, places)
    )
    return float(np.mean([np.isin(*both).mean() for both in zip(before, after, strict=True)]))


def main() -> None:
    torch.set_num_threads(1)
    console = Console(width=120)
    console.print(machine(), highlight=False)
    table = Table("model", "CPU time", "ratio", "KL divergence", "change", "neighbours kept")
    for label, codes in latents():
        similar = PerplexityBasedNN(codes, SETTINGS.perplexity, method="exact").P
        seconds, divergences, shares = [], [], []
        for fit in (default, ours):
            began = time.process_time()
            places = fit(codes)
            seconds.append(time.process_time() - began)
            divergences.append(divergence(similar, places))
            shares.append(kept(codes, places))
        table.add_row(
            label,
            "{:.1f} s, ours {:.1f} s".format(*seconds),
            f"{seconds[1] / seconds[0]:.2f}",
            "{:.4f}, ours {:.4f}".format(*divergences),
            f"{divergences[1] / divergences[0] - 1:+.1%}",
            "{:.4f}, ours {:.4f}".format(*shares),
        )
    console.print(table)


if __name__ == "__main__":
    main()
