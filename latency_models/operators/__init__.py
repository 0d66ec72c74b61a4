"""Latencies of whole models of any origin, predicted from those of their operators."""
