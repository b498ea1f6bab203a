"""Renders a Quarto book: with Quarto if it is installed, else with pandoc and Typst from Python packages."""
