"""Ours beside what readers would use instead, in one process, with its accuracy and its memory."""
