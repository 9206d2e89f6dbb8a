"""The paper as pure functions on tensors: AnchorAlign, appearance infusion, Delta-Bridge and their schedules."""
