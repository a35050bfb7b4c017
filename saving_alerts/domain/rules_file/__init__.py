"""Reads a rules file: into a RuleSet, or into a list of mistakes with their places."""
