"""A profile becomes runs: recipes and seeds, executors, operating points, questions to finished networks."""
