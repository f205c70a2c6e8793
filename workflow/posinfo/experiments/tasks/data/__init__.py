"""Images with ground truth: compositions, or sets with masks."""
