"""Deterministic simulation: the real delivery and dispatch of several workers in universes that a seed decides.

seeded_loop.py   an event loop of ours: several processes, virtual time, one source of chance
"""
