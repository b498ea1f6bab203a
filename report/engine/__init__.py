"""Renders a Quarto book: with Quarto where it is installed, else with parts of it from Python packages."""
