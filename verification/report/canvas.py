"""Pictures and their bytes: one palette, one type size, and equal bytes for equal figures.

The colours are those of Okabe and Ito, darkened where white paper needs it. Every series has its own marker as well, so
that no picture depends on colour. In a page, the page's custom properties replace the colours.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .quantities import number

__all__ = [
    "BAND",
    "INK",
    "MARKERS",
    "MUTED",
    "PAPER",
    "SERIES",
    "Picture",
    "decades",
    "drawing",
    "dress",
    "for_page",
    "leave_room",
    "legend_in",
    "slug",
    "spread",
    "to_picture",
]

INK = "#1b1f24"
MUTED = "#6a737d"
BAND = "#dfe7ef"
PAPER = "#ffffff"
SERIES = ("#0072b2", "#d55e00", "#00825f", "#b5508c", "#8a6d00", "#2b8cc4", "#7a4fb5", "#4d4d4d")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
TYPE_SIZE = 9.0
DPI = 144

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "gradverify",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": TYPE_SIZE,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure with the table of its data; the table is empty if the report has it elsewhere.

    Attributes:
        name: File name without its suffix.
        title: A title of a few words.
        caption: A sentence on how to read the figure.
        columns: The headings of the data table.
        rows: The data, with one row for every mark.
        svg: The drawing as SVG.
        png: The drawing as PNG.
    """

    name: str
    title: str
    caption: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    svg: bytes
    png: bytes


_ONE_VALUE = 1 + 1e-9  # a ratio of two values below which they have one place on an axis


@contextmanager
def drawing() -> Iterator[None]:
    """Apply the settings that every figure needs, and restore the earlier ones at the end."""
    with rc_context(_SETTINGS), warnings.catch_warnings():
        # A name may hold characters that the bundled font lacks; SVG shows them with the reader's own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def dress(axes: Axes, *, grid: Literal["both", "x", "y"] = "both") -> None:
    """Remove the lines that carry no data, and put a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, which="major", color=MUTED, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=3, width=0.8)


def leave_room(axes: Axes) -> None:
    """Widen each logarithmic axis whose values all coincide: the margins of Matplotlib may round to no width at all there."""
    (left, right), (low, high) = axes.dataLim.intervalx, axes.dataLim.intervaly
    if axes.get_xscale() == "log" and 0 < right <= left * _ONE_VALUE:
        axes.set_xlim(left / 3, left * 3)
    if axes.get_yscale() == "log" and 0 < high <= low * _ONE_VALUE:
        axes.set_ylim(low / 3, low * 3)


def decades(axis: Axis, *, most: int = 6, halves: bool = False) -> None:
    """Set ticks at whole decades, at most `most` of them, written as plain numbers.

    With `halves`, a range of less than two decades has ticks at 2 and 5 as well, since one tick says little. This is for an
    ordinate, whose labels lie above each other.
    """
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if halves and high < 100 * low else (1.0,)
    axis.set_major_locator(LogLocator(base=10.0, subs=subs, numticks=most))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _decade(value)))
    axis.set_minor_locator(NullLocator())


def legend_in(room: Axes, panel: Axes) -> None:
    """Draw a panel's legend in a cell of its own, where it lies neither on data nor on another legend."""
    room.set_axis_off()
    handles, labels = panel.get_legend_handles_labels()
    legend = room.legend(handles, labels, loc="upper left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=9,
                         labelcolor=INK, borderaxespad=0.0, borderpad=0.0, labelspacing=0.4)  # fmt: skip
    # Otherwise a long label would narrow every panel.
    legend.set_in_layout(False)


def spread(sizes: Sequence[float]) -> list[float]:
    """Choose, from the largest down, those of the rising sizes that have room for a label on a logarithmic axis."""
    step = (sizes[-1] / sizes[0]) ** 0.085 if sizes else 1.0
    kept: list[float] = []
    for size in reversed(sizes):
        if not kept or size * step <= kept[-1]:
            kept.append(size)
    return kept[::-1]


def to_picture(
    figure: Figure,
    *,
    name: str,
    title: str,
    caption: str,
    columns: Sequence[str] = (),
    rows: Sequence[Sequence[str]] = (),
) -> Picture:
    """Render a figure once as SVG and once as PNG, without dates or version strings."""
    figure.suptitle(title, x=0.006, ha="left", fontsize=10, fontweight="bold")
    vector, raster = io.BytesIO(), io.BytesIO()
    FigureCanvasSVG(figure).print_svg(vector, metadata={"Date": None, "Creator": None, "Title": title})
    FigureCanvasAgg(figure)
    figure.savefig(raster, format="png", dpi=DPI, metadata={"Software": None})
    return Picture(
        name=name,
        title=title,
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        svg=vector.getvalue(),
        png=raster.getvalue(),
    )


def for_page(picture: Picture) -> str:
    """Return the SVG for use inside a page: without a prologue, with ids of its own and with the page's colours."""
    text = picture.svg.decode("utf-8")
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{picture.name}-", text)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| version="[^"]*"', "", text).replace("xlink:href", "href")
    tokens = {INK: "ink", MUTED: "muted", BAND: "band", PAPER: "paper"}
    tokens |= {colour: f"series-{index}" for index, colour in enumerate(SERIES)}
    return re.sub("#[0-9a-f]{6}", lambda match: _token(match.group(), tokens), text)


def slug(text: str, taken: set[str]) -> str:
    """Return a file name for `text` that is not among `taken`, and add it there."""
    base = re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.")[:80] or "figure"
    name, index = base, 2
    while name.lower() in taken:
        name, index = f"{base}-{index}", index + 1
    taken.add(name.lower())
    return name


def _token(colour: str, tokens: dict[str, str]) -> str:
    return f"var(--{tokens[colour]})" if colour in tokens else colour


def _decade(value: float) -> str:
    return f"{value:,.0f}" if 1 <= value < 1e8 else number(value)
