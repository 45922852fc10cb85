"""What the defects of clipping share: the kernels, and what is honest."""

from impl.torch import clipping as honest

NORM, CLIP, SAFE = "clipping.global_norm", "clipping.clip_by_global_norm", "clipping.safe_clip"
SANITIZE, ADAPTIVE, NOISE = "clipping.sanitize", "clipping.adaptive_clip", "clipping.add_noise"

__all__ = ["ADAPTIVE", "CLIP", "NOISE", "NORM", "SAFE", "SANITIZE", "honest"]
