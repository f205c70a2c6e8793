"""Encoders trained here for a task: classification, saliency, segmentation.

Made from pictures with answers, composed or real.
"""
