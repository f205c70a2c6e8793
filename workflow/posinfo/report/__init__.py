"""The report's pages and the plan of a run.

Pages are made from tables and sidecars, the plan from the configuration and from shapes alone.
"""
