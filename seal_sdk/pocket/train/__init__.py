"""How Pocket was trained: ``python -m seal_sdk.pocket.train render|tokenizer|vae|sam|latents|unet|export``."""
