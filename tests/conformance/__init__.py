"""The suite that every profile inherits: a client driven by a profile against a server driven by the same
file's `[server]` block, in one process.
"""
