"""Networks that learn a task, their training and their metrics."""
