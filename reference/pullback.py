"""From the gradient of a broadcast, promoted array back to that of the input itself."""

import numpy as np


def like_input(gradient, array):
    """The gradient summed over axes along which `array` was broadcast; its real part where `array` is real."""
    extra = np.ndim(gradient) - np.ndim(array)
    own = enumerate(np.shape(array), start=extra)
    repeated = [axis for axis, size in own if size == 1 and np.shape(gradient)[axis] != 1]
    if extra or repeated:
        gradient = np.sum(gradient, axis=(*range(extra), *repeated), keepdims=True)
    gradient = np.reshape(gradient, np.shape(array))
    return gradient if np.iscomplexobj(array) else np.real(gradient)
