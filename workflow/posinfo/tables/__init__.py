"""The paper's tables and our own, and its claims judged.

Made from scores, beside the published numbers.
"""
