"""Tables that take longer than a notebook: what they are, and how they are recorded."""
