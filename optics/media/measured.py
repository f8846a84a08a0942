"""A transmission matrix that was measured, from a file."""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from optics.archive import load_archive
from optics.media.dense import DenseMedium, check_stored, round_to_grid, strict_grid
from optics.media.description import MediumSite
from optics.media.medium import Medium
from optics.validation import check_number, nearest


def load_matrix(path: Path, *, key: str) -> NDArray[np.complex128]:
    """Read a matrix from a file, checked.

    Parameters
    ----------
    path : Path
        An archive of numpy (.npz) or of this project (.h5).
    key : str
        Name of the array in the file.

    Returns
    -------
    ndarray of complex128, shape (output, input)
        The matrix.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is of another kind or damaged, or the array is missing, not a matrix of numbers, not finite or zero.
    """
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as archive:
                names = list(archive.files)
                array = archive[key] if key in names else None
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise ValueError(f"{path} is damaged or not a numpy archive of plain arrays: {error}") from error
    elif path.suffix in (".h5", ".hdf5"):
        arrays, _ = load_archive(path)
        names, array = list(arrays), arrays.get(key)
    else:
        raise ValueError(f"{path} must end in .npz, .h5 or .hdf5 to be read as a matrix")
    if array is None:
        raise ValueError(f"{path} has no array {key!r}{nearest(key, names)}; it has {', '.join(names)}")
    return _checked(array, f"{key!r} of {path}")


def _checked(array: NDArray[np.generic], name: str) -> NDArray[np.complex128]:
    """Return a matrix in double precision, or say why it is none."""
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{name} must have shape (output, input), got {array.shape}")
    if array.dtype.kind not in "cfiu":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    matrix = array.astype(np.complex128)
    broken = int(np.count_nonzero(~np.isfinite(matrix)))
    if broken:
        raise ValueError(f"{name} must be finite: {broken} of {matrix.size} entries are not")
    if not matrix.any():
        raise ValueError(f"{name} holds only zeros")
    return matrix


def check_measured_passive(matrix: NDArray[np.complex128], *, collected_fraction: float) -> None:
    """Refuse a scale at which a measured matrix would give out more light than it takes in.

    .. math:: \\eta_c \\, N \\, \\|T\\|_2^2 / \\|T\\|_F^2 \\le 1

    Parameters
    ----------
    matrix : ndarray of complex, shape (output, input)
        The matrix T of N inputs, in any unit.
    collected_fraction : float
        Mean fraction eta_c of an input's photons that reaches all outputs together.

    Raises
    ------
    ValueError
        If the largest singular value exceeds one.
    """
    gram = matrix.conj().T @ matrix if matrix.shape[1] <= matrix.shape[0] else matrix @ matrix.conj().T
    inputs = matrix.shape[1]
    largest = collected_fraction * inputs * float(np.linalg.eigvalsh(gram)[-1]) / float(np.trace(gram).real)
    if largest > 1 + 1e-9:
        raise ValueError(
            f"collected_fraction = {collected_fraction:g} is not passive with this measured matrix: some input would "
            f"come out with {largest:.3g} times its power; take at most {collected_fraction / largest:.3g}"
        )


@dataclass(frozen=True, kw_only=True)
class MeasuredDescription:
    """Description of a medium whose matrix was measured.

    In a bench file::

        [medium]
        kind = "measured"
        file = "fibre.npz"      # a relative name starts at the folder of the bench file
        key = "TM_corr_modes"
        collected_fraction = 1e-3

    Parameters
    ----------
    file : str
        Path of a .npz file or an archive of this project (.h5).
    key : str
        Name of the matrix in the file, shape (output, input), outputs in the order (y, x) of the pixels.
    collected_fraction : float
        Mean fraction of an input's photons that reaches the pixels, all together: matrices are measured in units
        that their bench chose.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    The matrix has a column for each macropixel of the layout; mirrors that carry none have no column in a
    measurement and send no light, unless the matrix has one column more, which is then theirs. Entries are
    rounded so that the sums of binary patterns are exact in float32: by 2^-22 of the largest sum of moduli in a row.
    """

    file: str
    key: str
    collected_fraction: float

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels, on average: no, by its own column."""
        return False

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Not used: a measured matrix is what it is.

        Returns
        -------
        Medium
            A stored matrix.

        Raises
        ------
        ValueError
            If the file is not a matrix of this size, or would not be passive.
        """
        inputs, outputs = len(site.input_positions), math.prod(site.output_shape)
        matrix = load_matrix(Path(self.file), key=self.key)
        if matrix.shape not in {(outputs, inputs - 1), (outputs, inputs)}:
            raise ValueError(
                f"the measured matrix {self.key!r} of {self.file} has shape {matrix.shape}, the bench needs "
                f"({outputs}, {inputs - 1}): {outputs} pixels ({site.output_shape[0]} x {site.output_shape[1]}) and "
                f"{inputs - 1} macropixels, with one column more for the mirrors that carry none if it was measured"
            )
        check_stored("a measured medium", inputs=inputs, outputs=outputs, way_out="take a part of the matrix")
        check_measured_passive(matrix, collected_fraction=self.collected_fraction)
        norm = math.sqrt(float(np.mean(np.abs(matrix) ** 2)))
        columns = np.zeros((inputs, outputs), np.complex64)
        columns[: matrix.shape[1]] = (matrix / norm).T
        round_to_grid(columns.view(np.float32), grid=strict_grid(columns))
        return DenseMedium(
            columns,
            scale=math.sqrt(self.collected_fraction / outputs),
            input_positions=site.input_positions,
            output_shape=site.output_shape,
            output_pitch=site.output_pitch,
        )
