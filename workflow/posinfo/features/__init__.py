"""Feature maps of every stage of an encoder: extracted by one forward pass, stored, and read in batches."""
