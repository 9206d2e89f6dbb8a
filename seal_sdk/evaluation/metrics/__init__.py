"""Metrics of the exact benchmark: each compares a generated image with the rendered ground truth.

One file per idea; `measures` lists all of them and applies them to one image.
"""
