"""Fields of a campaign that are decoded batch by batch while the next one is exposed."""

import numpy as np

from calibration.campaigns.plan import Batch, CampaignPlan
from calibration.campaigns.stepped_fields import stepped_terms
from optics.camera import Camera, Counts

BYTES_PER_FIELD = 12


class FieldCache:
    """Interference terms of all patterns of a campaign by phase stepping, in memory.

    Parameters
    ----------
    plan : CampaignPlan
        The campaign.
    camera : Camera
        Its camera.
    exposure_time : float
        Exposure time, in seconds.

    Attributes
    ----------
    value : ndarray of complex64, shape (pattern, output)
        Interference terms, drift not taken off.
    variance : ndarray of float32, shape (pattern, output)
        Their variances.
    valid : ndarray of bool, shape (output,)
        Outputs that the frames determined in every pattern so far.
    """

    def __init__(self, plan: CampaignPlan, camera: Camera, *, exposure_time: float) -> None:
        shape = (plan.series.frames, camera.pixels)
        self._plan, self._camera, self._exposure_time = plan, camera, exposure_time
        self.value = np.zeros(shape, np.complex64)
        self.variance = np.zeros(shape, np.float32)
        self.valid = np.ones(camera.pixels, np.bool_)

    @staticmethod
    def size(plan: CampaignPlan, camera: Camera) -> int:
        """Return the memory that the fields of a campaign take.

        Parameters
        ----------
        plan : CampaignPlan
            The campaign.
        camera : Camera
            Its camera.

        Returns
        -------
        int
            Bytes.
        """
        return BYTES_PER_FIELD * plan.series.frames * camera.pixels

    def add(self, batch: Batch, words: Counts) -> None:
        """Decode a batch.

        Parameters
        ----------
        batch : Batch
            What it shows.
        words : ndarray of uint8 or uint16, shape (frame, ...)
            Its words, as they were delivered.
        """
        if batch.phases is None:
            return
        steps = self._plan.steps
        codes = self._plan.order[batch.frames.start // steps : batch.frames.stop // steps]
        own = codes >= 0
        if not own.any():
            return
        grouped = words.reshape(len(codes), steps, -1)[own]
        phases = np.array(self._plan.phases)
        terms = stepped_terms(grouped, self._camera, phases=phases, exposure_time=self._exposure_time)
        self.value[codes[own]] = terms.value
        self.variance[codes[own]] = terms.variance
        self.valid &= terms.valid
