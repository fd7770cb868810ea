"""What the estimates of demand are worth, on real sales with known hours out of stock.

    python scripts/uncensor_study.py SALES.parquet [--ahead discount,promo,holiday] [--clean-pairs 0.7]

Four tables: errors of each method on clean days that were cut artificially (all pairs, and only pairs
that are clean on most days), how much each method adds to the real sales, and how the sales of the
days with stockouts compare with what the model expects of the hours in stock.
"""

from __future__ import annotations

import typer

HEAD = ("design", "method", "days", "truth", "MAE", "bias", "spread")


def main(
    file: str,
    ahead: str = "discount,promo,holiday",
    share: str = "instock_share",
    hours: str = "stockout_hours",
    clean_pairs: float = 0.7,
    seed: int = 0,
) -> None:
    from invrl.sources.files import read_panel

    panel = read_panel(file, ahead=ahead.split(","), after=[share, hours], knowledge="censored")
    in_stock, clean = panel.after[share], panel.after[hours] == 0
    print(f"\n{panel.pairs:,} pairs x {panel.days} days; {100 * clean.mean():.1f} % of the days are clean.\n")
    print_check("all pairs", panel, in_stock, clean, seed)
    mostly = clean.mean(0) >= clean_pairs
    title = f"the {mostly.sum():,} pairs that are clean on {100 * clean_pairs:.0f} % of the days or more"
    print_check(title, panel.take(mostly), in_stock[:, mostly], clean[:, mostly], seed)
    print_added(panel, in_stock)
    print_expected(panel, in_stock)


def print_check(title: str, panel, in_stock, clean, seed: int) -> None:
    """Errors on clean days cut artificially."""
    from invrl.demand.uncensor_check import check_methods

    rows = check_methods(panel, in_stock, clean, seed)
    classes = [name.removeprefix("MAE ") for name in rows[0] if name.startswith("MAE ")]
    print(f"Cut clean days, {title} (units a day; MAE / bias by share in stock):\n")
    print(line([*HEAD, *classes]), line(["---"] * (len(HEAD) + len(classes))), sep="\n")
    for row in rows:
        cells = [row["design"], row["estimate"], f"{row['days']:,}", f"{row['truth']:.2f}"]
        cells += [f"{row['MAE']:.2f}", f"{row['bias']:+.2f}", f"{row['spread']:.2f}"]
        cells += [pair(row[f"MAE {name}"], row[f"bias {name}"]) for name in classes]
        print(line(cells))
    print()


def pair(error: float | None, bias: float | None) -> str:
    return "-" if error is None else f"{error:.2f} / {bias:+.2f}"


def print_added(panel, in_stock) -> None:
    """Demand added by each method, in per cent of the sales."""
    from invrl.demand.uncensor import METHODS, uncensored
    from invrl.demand.uncensor_check import added_demand

    found = {name: uncensored(panel, in_stock, name).demand for name in METHODS}
    tables = {name: added_demand(panel.demand, estimate, in_stock) for name, estimate in found.items()}
    print("Added to the real sales (% of the sales in the class):\n")
    print(line(["in stock", "days (%)", "sales a day", *METHODS]), line(["---"] * 6), sep="\n")
    for rows in zip(*tables.values(), strict=True):
        cells = [rows[0]["in stock"], f"{rows[0]['days (%)']:.1f}", f"{rows[0]['sales a day']:.2f}"]
        print(line([*cells, *(f"{row['added (% of sales)']:+.1f}" for row in rows)]))
    print()


def print_expected(panel, in_stock) -> None:
    """Sales over what the model expects of the hours in stock: 1 everywhere if stockouts came at random."""
    from invrl.demand.uncensor import FULL, fit_rates
    from invrl.demand.uncensor_check import CLASSES

    fit = fit_rates(panel, panel.demand, in_stock)
    expected = fit.rate * in_stock
    print(
        f"Sales over expected sales (shape r = {fit.shape:.1f}); above 1: sold out because demand was high:\n"
    )
    print(line(["in stock", "sales / expected"]), line(["---"] * 2), sep="\n")
    for low, high in zip(CLASSES, (*CLASSES[1:], 2.0), strict=True):
        inside = (in_stock >= low) & (in_stock < high)
        name = "all day" if low == FULL else f"{low:.1f}-{high:.1f}"
        print(line([name, f"{panel.demand[inside].sum() / expected[inside].sum():.2f}"]))


def line(cells) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    typer.run(main)
