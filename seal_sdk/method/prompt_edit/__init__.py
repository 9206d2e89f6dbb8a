"""Prompt edits (ours): what the prompt says about the subject that the reference does not show, such as another colour.

`prompts` finds the differences in words; `latent_edit` finds what each one changes in the reference's latents, and where.
"""
