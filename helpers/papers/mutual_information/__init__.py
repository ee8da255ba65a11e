"""Lee et al. 2024, Towards a Rigorous Analysis of Mutual Information in Contrastive Learning."""
