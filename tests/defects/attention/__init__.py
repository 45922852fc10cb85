"""Planted defects of the attention row."""

from tests.defects.attention import gradients, masks, padded_queries, scores
from tests.defects.attention.parts import ATTEND, MULTI_HEAD
from tests.defects.attention.parts import HONEST as PARTS
from tests.defects.defect import Defect

DEFECTS: tuple[Defect, ...] = (*masks.DEFECTS, *padded_queries.DEFECTS, *scores.DEFECTS, *gradients.DEFECTS)
HONEST = {ATTEND: PARTS.attend, MULTI_HEAD: PARTS.multi_head}
