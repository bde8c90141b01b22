"""Tests mirror the tree; each reads like documentation of what it checks."""
