"""How speckle decorrelates: drift of the medium by a law, and what changes from frame to frame."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.identification.burst_light import BurstLight
from calibration.identification.drift_laws import DriftLaw

COARSEST, COARSE = 24, 96
"""Groups of frames that the first search and the first climb average."""

TRIALS = 400
"""Correlation times that the first search tries: few channels beat, and their likelihood has a peak as narrow as a
tenth of the time beside many lower ones."""

COARSE_ROUNDS, FINE_ROUNDS = 12, 8
TRUST = 0.02
"""Part of the variance of the light below which the modes of the drift are not trusted: noise common to the frames of a
burst is added to data and model. A hundredth of the pixels that clips is enough to move modes so weak."""

SLOWEST = 0.05
"""Least correlation times in the frames, times channels, of an exponential drift of few channels."""

SETTLED = 0.02
"""Step, in standard errors of independent pixels, below which a search has ended."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Lags:
    """Frames, or groups of frames that are averaged, between which correlations are modelled.

    Parameters
    ----------
    law : DriftLaw
        How the field correlation falls.
    times : ndarray, shape (frame,)
        Times of the frames, in seconds.
    average : ndarray or None, shape (group, frame)
        Weights of the frames in each group; None for frames as they are.
    white : ndarray, shape (group,)
        What is left of a variance of one that is independent from frame to frame.
    noise : ndarray, shape (group, group)
        Covariance of the camera's noise and of what is added to it.
    least : float
        Least variance that may change from frame to frame: half of the camera's, below zero.
    """

    law: DriftLaw
    times: NDArray[np.float64]
    average: Matrix | None
    white: NDArray[np.float64]
    noise: Matrix
    least: float

    def correlation(self, rate: float) -> tuple[Matrix, Matrix]:
        """Return |g_1|^2 between groups and its derivative by the rate.

        Parameters
        ----------
        rate : float
            1 / tau_c (exponential law) or 1 / tau_c^2 (gaussian).

        Returns
        -------
        correlation, slope : ndarray, shape (group, group)
            The square of the field correlation, and its derivative.
        """
        field, fall = self.law.correlation(self.times, rate=rate)
        full, slope = field**2, 2 * field * fall
        if self.average is None:
            return full, slope
        return self.average @ full @ self.average.T, self.average @ slope @ self.average.T


@dataclass(frozen=True, kw_only=True, eq=False)
class DecorrelationFit:
    """Drift and vibration that make the covariance of frames most likely.

    Parameters
    ----------
    law : DriftLaw
        Law of the drift.
    parameters : ndarray, shape (3,)
        Variance of the light that drifts b, rate of the drift rho, variance that changes from frame to frame w.
    information : ndarray, shape (3, 3)
        Fisher information of a pixel.
    kernels : ndarray, shape (3, frame, frame)
        What multiplies the covariance of frames in the slopes of the likelihood.
    log_likelihood : float
        Of a pixel, less a constant.
    """

    law: DriftLaw
    parameters: NDArray[np.float64]
    information: Matrix
    kernels: Matrix
    log_likelihood: float

    @property
    def vibration(self) -> float:
        """Return the part v = w / (b + w) of the light that changes from frame to frame."""
        drifting, _, changing = self.parameters
        return float(changing / (drifting + changing))


def fit_decorrelation(light: BurstLight, *, law: DriftLaw) -> DecorrelationFit:
    """Return the drift and the vibration that make the covariance of the frames most likely.

    .. math:: \\Sigma_{fg} = b \\, |g_1(t_f - t_g)|^2 + (w + u_f^2) \\, \\delta_{fg}, \\qquad
              \\ell = -\\tfrac{1}{2} [\\ln |\\Sigma| + \\mathrm{tr}(\\Sigma^{-1} S)]

    Parameters
    ----------
    light : BurstLight
        The light; S is its covariance over the pixels of all parts, u_f^2 the variance of the camera.
    law : DriftLaw
        How g_1 falls with its rate rho.

    Returns
    -------
    DecorrelationFit
        The most likely b, rho and w; rho is not below zero, w may be.

    Notes
    -----
    S and Sigma both have some noise added that the frames of a burst share, 0.02 of the variance of the light: it does
    not bias, and takes weight from modes of the drift that are weaker, where the model is not good enough. The
    covariance of the intensities of circular Gaussian speckle is |g_1|^2 of that of one moment (Siegert), for a sum
    of any number of modes that drift alike, and for pixels of any size. The likelihood is that of Gaussian patterns;
    intensities are none, so it is a way to weight S, and the uncertainties are found from the pixels
    (`calibration.identification.decorrelation_errors`). It weights what is uncertain in common rightly: of a drift that
    is rough, neighbouring bursts tell, of a smooth one the outer ones.

    References
    ----------
    .. [1] Law L16 of the project's physics notes: Siegert relation.
    .. [2] J. W. Goodman, Speckle Phenomena in Optics, 2nd ed., sec. 3.6 and 5.6.
    """
    added = _added_noise(light)
    gram = light.gram.mean(axis=0) + added
    fine = _lags(light, added, law=law, average=None)
    pixels = light.pixels
    small, coarse = _averaged(gram, added, light, law=law, groups=COARSEST)
    start = _climb(small, coarse, _search(small, coarse, light, law=law), pixels=pixels, rounds=COARSE_ROUNDS)
    small, coarse = _averaged(gram, added, light, law=law, groups=COARSE)
    start = _climb(small, coarse, start, pixels=pixels, rounds=COARSE_ROUNDS)
    best = _climb(gram, fine, start, pixels=pixels, rounds=FINE_ROUNDS)
    value, _, information, kernels = _slopes(gram, fine, best)
    return DecorrelationFit(law=law, parameters=best, information=information, kernels=kernels, log_likelihood=value)


def _added_noise(light: BurstLight) -> Matrix:
    """Return the covariance of the noise that is added to that of the frames."""
    gram, bursts = light.gram.mean(axis=0), light.bursts
    mean = float(np.mean(gram[~np.eye(len(gram), dtype=bool)]))
    return np.asarray(TRUST * abs(mean) * (bursts[:, np.newaxis] == bursts))


def _averaged(gram: Matrix, added: Matrix, light: BurstLight, *, law: DriftLaw, groups: int) -> tuple[Matrix, Lags]:
    """Return the covariance between groups of frames, and the lags between them."""
    average = _averages(light, groups)
    return average @ gram @ average.T, _lags(light, added, law=law, average=average)


def _lags(light: BurstLight, added: Matrix, *, law: DriftLaw, average: Matrix | None) -> Lags:
    """Return the lags between frames, or between groups of them."""
    own = light.noise.mean(axis=0)
    noise, least = np.diag(own) + added, -0.5 * float(own.min())
    if average is None:
        return Lags(law=law, times=light.times, average=None, white=np.ones(len(light.times)), noise=noise, least=least)
    white = np.sum(average**2, axis=1)
    return Lags(
        law=law, times=light.times, average=average, white=white, noise=average @ noise @ average.T, least=least
    )


def _averages(light: BurstLight, groups: int) -> Matrix:
    """Return the weights of the frames in groups of neighbours of one burst, at least two a burst."""
    bursts = int(light.bursts[-1]) + 1
    rows = []
    for burst in range(bursts):
        own = np.flatnonzero(light.bursts == burst)
        for part in np.array_split(own, min(len(own), max(2, groups // bursts))):
            row = np.zeros(len(light.bursts))
            row[part] = 1 / len(part)
            rows.append(row)
    return np.array(rows)


def _search(gram: Matrix, lags: Lags, light: BurstLight, *, law: DriftLaw) -> NDArray[np.float64]:
    """Return where to begin: the best of many correlation times, each with its best variances."""
    span = float(np.ptp(light.times))
    shortest = float(np.diff(np.unique(light.times)).min())
    times = np.geomspace(shortest / 2, 300 * span, TRIALS)
    light_variance = float(np.mean(gram[~np.eye(len(gram), dtype=bool)]))
    found = []
    for time in times:
        trial = np.array([max(light_variance, 1e-6), law.rate(float(time)), 1e-3 * abs(light_variance)])
        trial = _climb(gram, lags, trial, pixels=1, rounds=4, free=(0, 2))
        found.append((_slopes(gram, lags, trial)[0], trial))
    return max(found, key=lambda one: one[0])[1]


def _climb(
    gram: Matrix, lags: Lags, start: NDArray[np.float64], *, pixels: int, rounds: int, free: tuple[int, ...] = (0, 1, 2)
) -> NDArray[np.float64]:
    """Return parameters of larger likelihood, by Fisher's scoring; steps that do not gain are halved."""
    place, chosen = start, list(free)
    value, slope, information, _ = _slopes(gram, lags, place)
    for _ in range(rounds):
        held = [index for index in chosen if not (index == 1 and place[1] == 0 and slope[1] <= 0)]
        own = information[np.ix_(held, held)]
        scale = np.sqrt(np.diag(own))
        step = np.zeros(3)
        step[held] = np.linalg.solve(own / np.outer(scale, scale), slope[held] / scale) / scale
        if pixels * float(step[held] @ own @ step[held]) < SETTLED**2:
            break
        for _ in range(8):
            trial = _allowed(place, place + step, lags)
            new = _slopes(gram, lags, trial)
            if new[0] >= value:
                break
            step = step / 2
        else:
            break
        place, (value, slope, information, _) = trial, new
    return place


def _allowed(old: NDArray[np.float64], new: NDArray[np.float64], lags: Lags) -> NDArray[np.float64]:
    """Return parameters within their limits: light stays, rates grow tenfold at most, variances stay positive."""
    floor = lags.least
    slowest = 0.0
    if lags.law.name == "exponential" and math.isfinite(lags.law.channels):
        # Few channels move with the square of the rate: at none the likelihood would be flat.
        slowest = SLOWEST / (float(np.ptp(lags.times)) * lags.law.channels)
    rate = max(new[1], slowest)
    if old[1] > 0:
        rate = min(rate, 10 * old[1])
        rate = max(rate, old[1] / 10) if new[1] > 0 else rate
    return np.array([max(new[0], old[0] / 4), rate, max(new[2], floor)])


def _slopes(gram: Matrix, lags: Lags, parameters: NDArray[np.float64]) -> tuple[float, Matrix, Matrix, Matrix]:
    """Return log likelihood, its slopes, the information of a pixel, and the kernels of the slopes."""
    drifting, rate, changing = parameters
    correlation, fall = lags.correlation(rate)
    model = drifting * correlation + lags.noise
    model[np.diag_indices(len(model))] += changing * lags.white
    sign, size = np.linalg.slogdet(model)
    if sign <= 0:
        return -math.inf, np.zeros(3), np.eye(3), np.zeros((3, *model.shape))
    inverse = np.linalg.inv(model)
    inverse = (inverse + inverse.T) / 2
    parts = [inverse @ correlation, inverse @ (drifting * fall), inverse * lags.white]
    kernels = np.stack([part @ inverse for part in parts])
    value = -(size + float(np.sum(inverse * gram))) / 2
    slopes = np.array([float(np.sum(kernel * (gram - model))) for kernel in kernels]) / 2
    information = np.array([[float(np.sum(a * b.T)) for b in parts] for a in parts]) / 2
    return value, slopes, information, kernels
