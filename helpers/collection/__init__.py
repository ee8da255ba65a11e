"""Running the notebooks and rendering what they leave behind."""
