"""Code generation: one Python function for each selection of a plan."""
