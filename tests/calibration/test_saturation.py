"""What a saturated pixel hides, against numerical integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from calibration.saturation import _excess
from optics import Camera


@pytest.mark.parametrize(("anchor", "speckle"), [(200.0, 30.0), (100.0, 60.0), (0.0, 120.0), (240.0, 80.0)])
def test_hidden_mean_square_is_that_of_a_cut_normal_law(camera: Camera, anchor: float, speckle: float) -> None:
    limit = camera.saturation - camera.black_level
    mean, sigma = anchor + speckle, np.sqrt(2 * anchor * speckle + speckle**2)
    density = norm(mean, sigma)
    numerator, _ = quad(lambda light: (light - limit) ** 2 * density.pdf(light), limit, mean + 40 * sigma)
    expected = numerator / density.sf(limit)
    assert _excess(np.array([anchor]), np.array([speckle]), camera)[0] == pytest.approx(expected, rel=1e-4)
