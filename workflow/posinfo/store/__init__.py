"""Shared by every stage: atomic files and their sidecars, digests of code, locks, devices, errors."""
