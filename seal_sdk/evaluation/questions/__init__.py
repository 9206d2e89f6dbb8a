"""What the benchmark asks for: reference, structure image, prompt and the rendered ground truth, made from a seed.

Nothing here knows a model or a method.
"""
