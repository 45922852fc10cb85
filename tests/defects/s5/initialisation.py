"""A wrong initialisation beside an honest discretisation: laws find companions by name, in the module."""

import torch

from tests.defects.defect import defect, defects_in
from tests.defects.s5 import honest


def hippo_n(n: int) -> torch.Tensor:
    """−1, −2, …, −n: the eigenvalues of HiPPO-LegS itself, not of its normal part. All are real, and every imaginary
    gradient is exactly zero (Valkyrie)."""
    return -torch.arange(1, n + 1) + 0j


@defect("s5.discretize")
def beside_a_real_initialisation(eigenvalues, input_matrix, step, *, method="zoh"):
    """hippo_n gives the real spectrum of HiPPO-LegS (Valkyrie): a saddle, where no imaginary part learns."""
    return honest.discretize(eigenvalues, input_matrix, step, method=method)


DEFECTS = defects_in(globals().values())
