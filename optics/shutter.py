"""When the rows of a camera see the light, and how soon the next frame can come."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class Shutter:
    """A global or rolling electronic shutter with its readout.

    A frame of n rows is read in :math:`t_r = \\lceil n / p \\rceil \\, t_\\mathrm{row}`, p rows at a time. Frames
    follow each other after

    .. math:: T = \\max(t, t_r) + t_0 \\quad \\mathrm{(overlapping)}, \\qquad T = t + t_r + t_0

    where t is the exposure time and t_0 the overhead.

    Parameters
    ----------
    kind : {"global", "rolling"}, optional
        All rows expose together, or each when its turn to be read comes.
    row_time : float, optional
        Time to read one row (or the rows that are read at once), in seconds.
    rows_at_once : int, optional
        Rows that are read at the same time; neighbours are taken to be.
    overlap : bool, optional
        Whether the next frame may expose while the last one is read.
    overhead : float, optional
        Smallest time between frames beyond exposure and readout, in seconds.
    exposure_minimum, exposure_maximum, exposure_step : float, optional
        Exposure times that are granted, in seconds.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2.1 (exposure time), and camera makers' timing diagrams.
    """

    kind: str = "global"
    row_time: float = 0.0
    rows_at_once: int = 1
    overlap: bool = True
    overhead: float = 0.0
    exposure_minimum: float = 1e-6
    exposure_maximum: float = 10.0
    exposure_step: float = 1e-6

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("global", "rolling"))
        check_number("row_time", self.row_time, unit="s", at_least=0, at_most=1)
        check_count("rows_at_once", self.rows_at_once, at_most=100_000)
        check_number("overhead", self.overhead, unit="s", at_least=0)
        check_number("exposure_minimum", self.exposure_minimum, unit="s", above=0)
        check_number("exposure_maximum", self.exposure_maximum, unit="s", at_least=self.exposure_minimum)
        check_number("exposure_step", self.exposure_step, unit="s", above=0, at_most=self.exposure_maximum)

    def readout_time(self, rows: int) -> float:
        """Return the time that it takes to read a frame.

        Parameters
        ----------
        rows : int
            Rows of the region that is read.

        Returns
        -------
        float
            Time, in seconds.
        """
        return -(-rows // self.rows_at_once) * self.row_time

    def row_starts(self, rows: int) -> NDArray[np.float64]:
        """Return when each row begins to expose.

        Parameters
        ----------
        rows : int
            Rows of the region that is read.

        Returns
        -------
        ndarray, shape (rows,)
            Time after the start of the frame, in seconds; zero for a global shutter.
        """
        turn = np.arange(rows) // self.rows_at_once
        return np.asarray(turn * (self.row_time if self.kind == "rolling" else 0.0), np.float64)

    def frame_period(self, exposure_time: float, *, rows: int) -> float:
        """Return the time from one frame to the next of a camera that runs freely.

        Parameters
        ----------
        exposure_time : float
            Exposure time, in seconds.
        rows : int
            Rows of the region that is read.

        Returns
        -------
        float
            Period, in seconds.
        """
        readout = self.readout_time(rows)
        busy = max(exposure_time, readout) if self.overlap else exposure_time + readout
        return busy + self.overhead

    def pattern_period(self, exposure_time: float, *, rows: int) -> float:
        """Return the time from one frame to the next where each frame shows a pattern of its own.

        Parameters
        ----------
        exposure_time : float
            Exposure time, in seconds.
        rows : int
            Rows of the region that is read.

        Returns
        -------
        float
            Period, in seconds.

        Notes
        -----
        The rows of a rolling shutter expose one after the other, so a pattern has to stand until the last of them is
        done: exposure and readout add up, whatever the camera could overlap.
        """
        if self.kind == "rolling":
            return exposure_time + self.readout_time(rows) + self.overhead
        return self.frame_period(exposure_time, rows=rows)

    def granted_exposure(self, requested: float) -> float:
        """Return the exposure time that is granted for the one requested.

        Parameters
        ----------
        requested : float
            Exposure time, in seconds.

        Returns
        -------
        float
            The nearest multiple of the step inside the range, in seconds.

        Raises
        ------
        ValueError
            If the request lies outside the range.
        """
        check_number(
            "exposure_time", requested, unit="s", at_least=self.exposure_minimum, at_most=self.exposure_maximum
        )
        granted = round(requested / self.exposure_step) * self.exposure_step
        return min(max(granted, self.exposure_minimum), self.exposure_maximum)
