"""The budget as a picture: a waterfall from what each cause costs to the error."""

from matplotlib.axes import Axes

from calibration.budgets.budget import Budget
from optics.plots import BLACK, BLUE, GREY, SKY, VERMILLION

RISES, FALLS, TOTAL = VERMILLION, SKY, BLUE


def draw_waterfall(budget: Budget, axes: Axes, *, smallest: float = 1e-3) -> None:
    """Draw what each cause adds to the error, one bar after the other, up to the error.

    Parameters
    ----------
    budget : Budget
        A predicted budget.
    axes : matplotlib.axes.Axes
        Axes to draw on.
    smallest : float, optional
        Part of the error below which terms are drawn together.
    """
    shown = [term for term in budget.terms if abs(term.saved) >= smallest * budget.error]
    rest = sum(term.saved for term in budget.terms) - sum(term.saved for term in shown)
    steps = [(term.name.replace("_", " "), term.saved) for term in shown]
    if len(shown) < len(budget.terms):
        steps.append((f"{len(budget.terms) - len(shown)} others", rest))
    steps.append(("interaction", budget.interaction))
    level, levels = 0.0, [0.0, budget.error]
    for place, height in enumerate(one for _, one in steps):
        axes.bar(place, height, bottom=level, width=0.7, color=RISES if height >= 0 else FALLS)
        edge = max(level, level + height)
        share = f"{height / budget.error:+.1%}".replace("-", "\N{MINUS SIGN}")
        axes.annotate(share, (place, edge), (0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=7)
        level += height
        levels.append(level)
        axes.plot([place - 0.35, place + 1.35], [level, level], "-", color=GREY, linewidth=0.6)
    axes.bar(len(steps), budget.error, width=0.7, color=TOTAL)
    names = [*(name for name, _ in steps), "error"]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axes.axhline(0, color=BLACK, linewidth=0.6)
    span = max(levels) - min(levels)
    axes.set_ylim(min(levels) - (0.05 * span if min(levels) < 0 else 0), max(levels) + 0.1 * span)
    axes.set_ylabel(r"1 $-$ cos$^2$, saved by taking the cause away")
    axes.set_title(f"{budget.description.name}: error {budget.error:.3g}, cosine {budget.cosine:.4f}")
