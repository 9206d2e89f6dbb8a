"""Prompt edits (ours): what the prompt says about the subject that the reference does not show, such as another colour.

`probes` says what the model is asked about a word; `edit_mask`, `confidence` and `latent_edit` turn its answers into a change of the
reference's latents; `retention` says how much of each reference token's look is left.
"""
