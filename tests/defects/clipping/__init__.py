"""Planted defects of the clipping row."""

from tests.defects.clipping import clips, norms, schedules, spoiled_sets
from tests.defects.clipping.parts import ADAPTIVE, CLIP, NOISE, NORM, SAFE, SANITIZE, honest
from tests.defects.defect import Defect

DEFECTS: tuple[Defect, ...] = (*norms.DEFECTS, *clips.DEFECTS, *spoiled_sets.DEFECTS, *schedules.DEFECTS)
HONEST = {
    NORM: honest.global_norm,
    CLIP: honest.clip_by_global_norm,
    SAFE: honest.safe_clip,
    SANITIZE: honest.sanitize,
    ADAPTIVE: honest.adaptive_clip,
    NOISE: honest.add_noise,
}
