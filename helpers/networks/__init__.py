"""Encoders: perceptrons, small convolutional networks and ResNet-18."""

from .encoders import Encoder, convolutional, encoder, image_encoder, perceptron, resnet18

__all__ = ["Encoder", "convolutional", "encoder", "image_encoder", "perceptron", "resnet18"]
