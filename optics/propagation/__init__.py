"""Light in free space and through lenses: fields on a grid, each propagator next to its adjoint."""

from optics.propagation.angular_spectrum import angular_spectrum, angular_spectrum_adjoint, transfer_function
from optics.propagation.fourier_optics import (
    focal_spacing,
    fraunhofer,
    fraunhofer_adjoint,
    lens_transform,
    lens_transform_adjoint,
)
from optics.propagation.fresnel_far import (
    fresnel_by_impulse_response,
    fresnel_by_impulse_response_adjoint,
    fresnel_impulse_response,
)
from optics.propagation.fresnel_near import (
    fresnel_by_transfer_function,
    fresnel_by_transfer_function_adjoint,
    fresnel_transfer_function,
)
from optics.propagation.grid import crop_field, frequencies, pad_field, positions
from optics.propagation.imaging import four_f, four_f_adjoint
from optics.propagation.phases import (
    thin_lens,
    thin_lens_adjoint,
    tilt,
    tilt_adjoint,
    translate,
    translate_adjoint,
)
from optics.propagation.sampling import (
    band_limit,
    critical_distance,
    fraunhofer_distance,
    paraxial_frequency,
    paraxial_phase_error,
    sampled_distance,
    window_fresnel_number,
)

__all__ = [
    "angular_spectrum",
    "angular_spectrum_adjoint",
    "band_limit",
    "critical_distance",
    "crop_field",
    "focal_spacing",
    "four_f",
    "four_f_adjoint",
    "fraunhofer",
    "fraunhofer_adjoint",
    "fraunhofer_distance",
    "frequencies",
    "fresnel_by_impulse_response",
    "fresnel_by_impulse_response_adjoint",
    "fresnel_by_transfer_function",
    "fresnel_by_transfer_function_adjoint",
    "fresnel_impulse_response",
    "fresnel_transfer_function",
    "lens_transform",
    "lens_transform_adjoint",
    "pad_field",
    "paraxial_frequency",
    "paraxial_phase_error",
    "positions",
    "sampled_distance",
    "thin_lens",
    "thin_lens_adjoint",
    "tilt",
    "tilt_adjoint",
    "transfer_function",
    "translate",
    "translate_adjoint",
    "window_fresnel_number",
]
