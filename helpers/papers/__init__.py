"""One room a paper; papers never import one another."""
