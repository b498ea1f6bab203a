"""Arrays in, numbers out: metrics, intervals, calibration, tests. Needs NumPy and SciPy only."""
