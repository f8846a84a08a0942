"""The one look of all figures: colours, maps and the functions that draw with them, for reports and notebooks alike.

Functions take the axes to draw on and arrays, write quantities with their units on the axes, and change nothing
else. Colours are told apart by readers who are colour-blind, and a line style or a marker goes with each; phases are
drawn on a colour map that comes round. Importing `optics` alone loads nothing of this room.
"""

from optics.plots.bars import draw_bars
from optics.plots.colours import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    HATCHES,
    LINE_STYLES,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    colour_of,
    shades,
)
from optics.plots.curves import draw_curve, draw_law, draw_level
from optics.plots.distributions import draw_histogram, draw_scatter
from optics.plots.images import draw_frame, draw_map, draw_surface, draw_thumbnail
from optics.plots.labels import axis_label
from optics.plots.look import LOOK, canvas, look, use_look
from optics.plots.phases import draw_field, draw_phase

__all__ = [
    "BLACK",
    "BLUE",
    "COLOURS",
    "GREEN",
    "GREY",
    "HATCHES",
    "LINE_STYLES",
    "LOOK",
    "MARKERS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "YELLOW",
    "axis_label",
    "canvas",
    "colour_of",
    "draw_bars",
    "draw_curve",
    "draw_field",
    "draw_frame",
    "draw_histogram",
    "draw_law",
    "draw_level",
    "draw_map",
    "draw_phase",
    "draw_scatter",
    "draw_surface",
    "draw_thumbnail",
    "look",
    "shades",
    "use_look",
]
