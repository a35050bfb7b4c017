"""Decisions as sentences that can be read to a shopper, in English and German."""
