"""Latent transfer (ours): copies the reference's clean latents to where its tokens were matched in the image.

`similarity` and `consensus` find the matches, `warp` turns them into a warp field, `transfer` moves the prediction.
"""
