"""Train a run from a recipe, data and a seed; the only package that imports torch."""
