"""Where position comes from: location from pooled features, location learned from scratch, uneven padding."""
