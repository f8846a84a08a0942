"""The picture of decorrelation: drift is a fall that the axis holds; without one the axis shows the scatter."""

from typing import Any

import numpy as np
import pytest

from calibration.twins import answer_plots
from calibration.twins.frame_statistics import Curve


@pytest.mark.parametrize(("fall", "title"), [(0.0, "No drift: within 1e-05 of 1"), (0.3, "Drift")])
def test_the_axis_holds_every_point_and_the_title_says_whether_they_fall(
    fall: float, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Any = None  # the curve below stands for that of any frames
    time = np.geomspace(1e-3, 1.0, 7)
    values = 1 - fall * time + 1e-5 * (-1.0) ** np.arange(7)
    monkeypatch.setattr(answer_plots, "decorrelation_curve", lambda frames: Curve(x=time, y=values))
    (axes,) = answer_plots.draw_decorrelation(seen, None).axes
    low, high = axes.get_ylim()
    assert axes.get_title() == title
    assert low < values.min() < values.max() < high
    assert fall or high - low < 1e-4
