"""The page of a run and its plan.

The page is made from tables, figures and sidecars, the plan from the configuration and from shapes alone.
"""
