"""Instruments that show what a network is and does."""
