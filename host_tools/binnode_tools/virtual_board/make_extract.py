"""Makes data/wyndham_bins.csv from the table that Wyndham City Council published.

Source: "Smart Bin Fill Level (historical)", data.gov.au, CC BY 4.0; one row per bin and day with the columns
`Bin ID`, `Fullness` (0..10 in steps of 2) and `timestamp` (DD-MM-YYYY). What is changed is said in data/README.md.

    python -m binnode_tools.virtual_board.make_extract SOURCE.csv TARGET.csv
"""

import csv
import sys
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path


def fullest_of_day(rows: Iterable[dict[str, str]]) -> dict[date, dict[str, int]]:
    """date -> bin -> percent; of several rows for a bin and day the fullest counts."""
    table: dict[date, dict[str, int]] = {}
    for row in rows:
        day = datetime.strptime(row["timestamp"].strip(), "%d-%m-%Y").date()
        bin_id = row["Bin ID"].strip()
        percent = 10 * int(row["Fullness"])
        if not 0 <= percent <= 100:
            raise ValueError(f"Fullness of bin {bin_id} on {day} is {row['Fullness']}, not 0..10.")
        levels = table.setdefault(day, {})
        levels[bin_id] = max(percent, levels.get(bin_id, 0))
    return table


def make_extract(source: Path, target: Path) -> None:
    """Write `target`: one line per day, one column per bin, percent; empty where the bin has no reading."""
    with source.open(newline="", encoding="utf-8-sig") as file:
        table = fullest_of_day(csv.DictReader(file))
    bin_ids = sorted({bin_id for levels in table.values() for bin_id in levels})
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", *bin_ids])
        for day in sorted(table):
            writer.writerow([day.isoformat(), *(table[day].get(bin_id, "") for bin_id in bin_ids)])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m binnode_tools.virtual_board.make_extract SOURCE.csv TARGET.csv")
    make_extract(Path(sys.argv[1]), Path(sys.argv[2]))
