"""The only place that knows diffusers: loading, attention layers, capture, infusion, structure and the denoising loop."""
