"""Measurements: each module is a command, each figure a ratio against a peer in the same run where there is one."""
