"""One encoder and one batch, read by all five papers."""
