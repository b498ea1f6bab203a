"""From PneumoniaMNIST to a publishable, reproducible report."""

__version__ = "0.1.0"
