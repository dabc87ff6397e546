"""The picture of a soak: faults by kind over the days, the backlog, and what was lost."""

from collections import Counter
from pathlib import Path

from tests.soak.faults import NAMES
from tests.soak.year import MOST_AT_ONCE, Outcome

_LASTS, _MOMENT, _LOST = "#2f6f9f", "#d1491f", "#c00000"


def draw(outcome: Outcome, path: Path) -> None:
    """A PNG, 1600 pixels wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 11), dpi=100)
    FigureCanvasAgg(figure)
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=[7, 2, 2])
    counts = Counter(fault.kind for fault in outcome.injected)
    kinds = [kind for kind in NAMES if counts[kind]]
    for row, kind in enumerate(kinds):
        upper.axhline(row, color="#eeeeee", lw=0.7, zorder=0)
        for fault in (one for one in outcome.injected if one.kind == kind):
            day = fault.at_s / 86400
            if fault.end_s:
                # At least as wide as can be seen in a year.
                end = max(fault.end_s / 86400, day + outcome.days / 800)
                upper.plot([day, end], [row, row], lw=6, color=_LASTS, solid_capstyle="butt")
            else:
                upper.plot([day], [row], "|", ms=9, mew=1.5, color=_MOMENT)
    upper.set_yticks(range(len(kinds)), [f"{kind} ({counts[kind]})" for kind in kinds])
    upper.invert_yaxis()
    if outcome.backlog:
        middle.fill_between(*zip(*outcome.backlog, strict=True), step="post", color=_LASTS, alpha=0.5, lw=0)
    middle.set_ylabel("readings that wait")
    lower.set_ylabel("readings lost")
    losses = [loss for loss in outcome.accounts.losses if loss.readings]
    lower.vlines([loss.at_s / 86400 for loss in losses], 0, [loss.readings for loss in losses], color=_LOST, lw=1.5)
    lower.axhline(MOST_AT_ONCE, color=_LOST, ls=":", lw=1)
    lower.text(outcome.days, MOST_AT_ONCE, "a day of readings ", color=_LOST, ha="right", va="bottom")
    for axes in (middle, lower):
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color="#dddddd", lw=0.7)
    lower.set(xlim=(0, outcome.days), xlabel="day")
    for axes in (upper, middle, lower):
        axes.spines[["top", "right"]].set_visible(False)
    accounts = outcome.accounts
    figure.suptitle(
        f"{len(outcome.injected):,} faults in {outcome.days:g} days: {accounts.measured:,} readings measured, "
        f"{len(accounts.delivered):,} delivered, {sum(accounts.lost.values()):,} lost at named events, "
        f"{accounts.balance} unaccounted for",
        size=14,
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
