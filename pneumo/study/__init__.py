"""From a profile to runs: recipes and seeds, executors, operating points, probes of trained networks."""
