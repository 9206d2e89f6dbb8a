"""Training of the measuring networks: ``python -m seal_sdk.evaluation.training.joints``, ``.patterns`` and ``.segmenter``.

All train on renderings of the embedded model's world, with augmentations that imitate the flaws of generated images.
"""
