"""The method as pure functions on tensors, with no model and no pipeline.

`anchor_align`, `infusion`, `delta_bridge` and `schedules` are the paper's; `latent_transfer` and `prompt_edit` are ours.
"""
