"""Small networks that measure generated images: where the subject is, where its joints are, and which pattern it has.

The method never uses them, so that it is not judged by what it was optimized for; `seal_sdk.evaluation.training` trains them.
"""
