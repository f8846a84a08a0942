"""Vectors and complex fields as binary frames, and back: what each encoding shows, and what it costs."""

from optics.encodings.area import AreaModulation
from optics.encodings.bit_planes import BitPlanes, binary, ternary
from optics.encodings.dithering import Dithering
from optics.encodings.duty_cycle import DutyCycle
from optics.encodings.encoding import Encoding
from optics.encodings.fidelity import field_fidelity, photon_efficiency
from optics.encodings.lee import LeeHologram
from optics.encodings.mirror_search import MirrorSearch
from optics.encodings.superpixel import Superpixel
from optics.encodings.targets import clip_modulus, random_speckle

__all__ = [
    "AreaModulation",
    "BitPlanes",
    "Dithering",
    "DutyCycle",
    "Encoding",
    "LeeHologram",
    "MirrorSearch",
    "Superpixel",
    "binary",
    "clip_modulus",
    "field_fidelity",
    "photon_efficiency",
    "random_speckle",
    "ternary",
]
