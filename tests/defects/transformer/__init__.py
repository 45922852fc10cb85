"""Planted defects of the transformer row."""

from tests.defects.defect import Defect
from tests.defects.transformer import blocks, losses, normalisation
from tests.defects.transformer.parts import BLOCK, LAYERS, LOSS, NORM
from tests.defects.transformer.parts import HONEST as PARTS

DEFECTS: tuple[Defect, ...] = (*normalisation.DEFECTS, *blocks.DEFECTS, *losses.DEFECTS)
HONEST = {
    NORM: PARTS.layer_norm,
    LAYERS: PARTS.feed_forward,
    BLOCK: PARTS.block,
    LOSS: PARTS.cross_entropy,
}
