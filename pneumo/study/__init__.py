"""From a profile to runs: recipes and seeds, executors, operating points, outputs of trained networks."""
