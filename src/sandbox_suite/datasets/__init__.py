"""Datasets: sources, policy, masks, gate, store of versions, golden databases."""
