"""Training of encoders for a task, and their metrics on held-out images."""
