"""One style for every figure, and the gallery that keeps a picture beside its numbers."""

from .gallery import Gallery, show_table
from .style import COLOURS, CONTROL, use_style, waterfall

__all__ = ["COLOURS", "CONTROL", "Gallery", "show_table", "use_style", "waterfall"]
