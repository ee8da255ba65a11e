"""Verdicts, and the ledger of the claims of one notebook."""
