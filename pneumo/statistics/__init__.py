"""Arrays in, numbers out: metrics, intervals, calibration, tests. NumPy and SciPy alone."""
