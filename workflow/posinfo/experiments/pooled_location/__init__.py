"""Location from pooled features (after Islam et al., ICCV 2021)."""
