"""Small networks that measure generated images: where the subject is, and where its joints are.

The method never uses them, so that it is not judged by what it was optimized for; `seal_sdk.evaluation.training` trains them.
"""
