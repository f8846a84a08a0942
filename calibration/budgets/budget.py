"""The budget of a bench: the error of its projections, predicted, and what each cause has to do with it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from calibration.budgets.expected_error import TERM_POINTS, converged_error, expected_error
from calibration.budgets.scene import Scene, Task
from calibration.budgets.vector_law import VectorLaw
from calibration.exposure import best_full_scale
from calibration.scheme import anchor_size
from optics.bench import BenchDescription
from optics.causes import CAUSES, present_causes, without_causes
from optics.sensing.binning import delivered_camera
from optics.validation import check_count, check_number

OWN = ("shot", "quantisation", "saturation")
"""Causes that are taken out of the law of counts, so that exposure times stay as they are."""

DARK_ANCHOR = "dark_anchor"
DARK_ANCHOR_SENTENCE = "Rows are divided by the anchor's field, and noise grows where that is dark."

MODELLED = frozenset(
    (
        *OWN, "background", "dark_current", "read", "prnu", "offsets", "nonlinearity", "faulty_pixels", "laser_noise",
        "drift", "beam_profile", "macropixel_amplitudes", "flatness", "contrast", "grain", "stuck_mirrors",
    )
)  # fmt: skip

UNDITHERED = 0.1
"""Dark noise in DN below which rounding errors repeat from frame to frame."""

FEW_OUTPUTS = 0.5
"""Relative scatter of errors from medium to medium above which a few outputs decide."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """What one cause has to do with the error.

    Parameters
    ----------
    name : str
        Name of the cause, of `optics.causes.CAUSES`, or ``dark_anchor``.
    sentence : str
        What it is.
    saved : float
        What the error falls by when the cause alone is taken away; negative where it helps.
    alone : float
        Error when all other causes are taken away.
    """

    name: str
    sentence: str
    saved: float
    alone: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Budget:
    """The predicted error of projections by anchors, and its causes.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    task : Task
        What is asked of it.
    error : float
        1 - cos^2 between retrieved and ideal projections, over vectors and delivered outputs.
    scatter : float
        Standard deviation of a vector's error from one medium to another, about.
    flags : tuple of str
        What the reader should know: the undithered regime, that of few outputs, causes that are not in the budget.

    Notes
    -----
    The ideal projection is that of the same medium under even light, with mirrors that obey and send nothing when they
    are off, at the middle of the four frames of a vector. Terms take a quadrature each and are found when first asked
    for.
    """

    description: BenchDescription
    task: Task
    error: float
    scatter: float
    flags: tuple[str, ...]

    @property
    def cosine(self) -> float:
        """Return the expected cosine between retrieved and ideal projections."""
        return float((1 - self.error) ** 0.5)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Return the terms, the one that costs most first."""
        present = [name for name in present_causes(self.description) if name in MODELLED]
        found = []
        for name in present:
            others = [one for one in present if one != name]
            found.append(
                Term(
                    name=name, sentence=CAUSES[name].sentence, saved=self.error - self.without([name]),
                    alone=self.without([*others, DARK_ANCHOR]),
                )
            )  # fmt: skip
        saved = self.error - self.without([DARK_ANCHOR])
        found.append(Term(name=DARK_ANCHOR, sentence=DARK_ANCHOR_SENTENCE, saved=saved, alone=0.0))
        return tuple(sorted(found, key=lambda term: -term.saved))

    @property
    def interaction(self) -> float:
        """Return the error less what all terms save: what causes share, or hide from each other."""
        return self.error - sum(term.saved for term in self.terms)

    def without(self, causes: Iterable[str]) -> float:
        """Return the error without some causes, exposure times as they are.

        Parameters
        ----------
        causes : iterable of str
            Names of causes.

        Returns
        -------
        float
            Error.
        """
        names = list(causes)
        own = frozenset(name for name in names if name in (*OWN, DARK_ANCHOR))
        described = without_causes(self.description, [name for name in names if name not in own])
        return self._scale * expected_error(
            described, self.task, without=own, like=self.description, points=TERM_POINTS
        )

    @cached_property
    def _scale(self) -> float:
        """Return the error over that of the coarser quadrature of the terms."""
        same = expected_error(self.description, self.task, like=self.description, points=TERM_POINTS)
        return self.error / same if same else 1.0

    def __str__(self) -> str:
        lines = [f"{'term':16s} {'saves':>10s} {'of error':>9s} {'alone':>10s}"]
        for term in self.terms:
            lines.append(f"{term.name:16s} {term.saved:10.2e} {term.saved / self.error:9.1%} {term.alone:10.2e}")
        lines.append(f"{'interaction':16s} {self.interaction:10.2e} {self.interaction / self.error:9.1%}")
        lines.append(f"{'error 1 - cos^2':16s} {self.error:10.2e}   cosine {self.cosine:.5f}")
        return "\n".join([*lines, *(f"! {flag}" for flag in self.flags)])


def predict_budget(
    description: BenchDescription,
    *,
    components: int,
    outputs: int,
    non_zeros: int | None = None,
    density: float | None = None,
    anchor: int | None = None,
    full_scale: float | None = None,
    stored_exposures: int = 128,
    batch: int = 1,
    age: float = 0.0,
) -> Budget:
    """Predict the error of projections by anchors from the description of a bench alone.

    .. math:: \\mathrm{error} = 1 - \\cos^2, \\qquad \\cos = \\frac{\\langle y \\hat y \\rangle}
              {\\sqrt{\\langle y^2 \\rangle \\langle \\hat y^2 \\rangle}}

    Parameters
    ----------
    description : BenchDescription
        The bench; its medium Gaussian, streamed or of finite grain, still or drifting between frames.
    components, outputs : int
        Length of the vectors, number of pixels that are delivered.
    non_zeros : int or None, optional
        Number of non-zeros of the vectors; signs are even chances.
    density : float or None, optional
        Probability that a component is not zero, in place of ``non_zeros``.
    anchor, full_scale, stored_exposures : optional
        As `calibration.AnchorProjector` takes them; a ``full_scale`` of None is found as it finds it.
    batch : int, optional
        Vectors that are projected in one call: their frames lie between the frames of a vector.
    age : float, optional
        Time from the end of the calibration to the call, in seconds.

    Returns
    -------
    Budget
        Error, terms, flags.

    Raises
    ------
    ValueError
        If a number is out of its range, the vectors do not fit the layout, or the medium is of another kind.

    Notes
    -----
    Given the fields of anchor, halves and static light (jointly Gaussian, correlated from frame to frame where the
    medium drifts), the response and the offset of a pixel, a count has a known mean and variance
    (`calibration.budgets.counting`). The rest is a quadrature over the fields by a fixed sequence of points, more of
    them where frames saturate. Exposure times and delivered pixels follow the rules of the projector. Mirrors that are
    stuck enter by their expected moments, lag and crosstalk do not enter: a flag says so where a bench has them.

    Two regimes are hard, and flagged. Undithered: the dark noise is below 0.1 DN. Few outputs: the medium has moved
    since the outputs were chosen and some have become dark under the anchor, or some saturate far; the error is then
    that of a few outputs, and scatters by more than half of itself from one medium to another. Under even light this
    begins where 1 - g_1^2 between the choice and the vectors is 0.3 to 0.4. The prediction is the mean, to a standard
    error of 3 % where 16 sets of points suffice.
    """
    check_count("outputs", outputs, at_most=int(delivered_camera(description.camera).pixels / 1.25))
    check_count("stored_exposures", stored_exposures)
    check_count("batch", batch)
    check_number("age", age, unit="s", at_least=0)
    if full_scale is not None:
        check_number("full_scale", full_scale, above=0)
    size = anchor_size(components) if anchor is None else anchor
    check_count("anchor", size)
    task = Task(
        vectors=VectorLaw(components=components, non_zeros=non_zeros, density=density), outputs=outputs, anchor=size,
        full_scale=full_scale, stored_exposures=stored_exposures, batch=batch, age=age,
    )  # fmt: skip
    scene = Scene(description=description, task=task)
    scale = full_scale
    if scale is None:
        scale = best_full_scale(scene.camera, degrees_of_freedom=scene.degrees_of_freedom)
    fixed = replace(task, full_scale=scale)
    error, scatter = converged_error(description, fixed)
    return Budget(
        description=description,
        task=fixed,
        error=error,
        scatter=scatter,
        flags=_flags(description, scatter / error if error else 0.0),
    )


def _flags(description: BenchDescription, scatter: float) -> tuple[str, ...]:
    """Return what the reader of a budget should know."""
    camera = delivered_camera(description.camera)
    flags = []
    noise = camera.gain * camera.dark_noise
    if noise < UNDITHERED:
        flags.append(
            f"undithered: the dark noise is {noise:.2g} DN, below {UNDITHERED:g} DN; rounding errors repeat from frame "
            "to frame, averaging does not lower them, and error bars that count them as noise are wrong"
        )
    if scatter > FEW_OUTPUTS:
        flags.append(
            f"few outputs: some of them, dark under the anchor or saturated, decide; from one medium to another errors "
            f"scatter by {scatter:.0%}, and a single calibration may be far from the prediction"
        )
    left_out = [name for name in present_causes(description) if name not in MODELLED]
    if camera.differential_nonlinearity:
        left_out.append("differential_nonlinearity")
    if camera.background and camera.flicker_depth:
        left_out.append("flicker of the background")
    if left_out:
        flags.append(f"not in the budget: {', '.join(left_out)}")
    return tuple(flags)
