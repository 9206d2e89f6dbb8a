"""What the paper claims, and how a claim is judged: by figures along variants of the method that share their seeds.

`claim` says what a claim is and judges it, `ablation` draws up the variants that claims are about, `ablations` lists those of one
setting each, `comparisons` the others, and `sentences` gives them to the sentences of the paper.
"""
