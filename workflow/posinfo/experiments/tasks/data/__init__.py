"""Pictures with answers: compositions, or sets with masks."""
