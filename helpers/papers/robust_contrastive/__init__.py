"""Tran et al., Robust Contrastive Learning With Theory Guarantee."""
