"""Denoising autoencoders on Fashion-MNIST: Hydra sweeps, tracked in MLflow."""
