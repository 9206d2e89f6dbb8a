"""Training of the embedded model, from the rendered training set to the exported assets.

Run it with ``python -m seal_sdk.pocket.train render|tokenizer|vae|sam|latents|unet|export``.
"""
