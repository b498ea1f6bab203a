"""From PneumoniaMNIST to a publishable, reproducible report."""

__version__ = "0.2.0"
