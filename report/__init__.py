"""The report: a Quarto project, and the engine that renders it where Quarto can't be had."""
