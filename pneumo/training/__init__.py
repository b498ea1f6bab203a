"""A recipe, data and a seed become a finished run; the only package that imports torch."""
