"""Nakada et al. 2023, Understanding Multimodal Contrastive Learning and Incorporating Unpaired Data."""
