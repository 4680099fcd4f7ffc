"""How full a battery is by its voltage."""

from bisect import bisect_left

# A lithium cell at rest, from flat to full: millivolts and percent. Up to 4.4 V while it is charged.
CELL_MV = (2500, 3300, 3500, 3600, 3700, 3800, 3900, 4000, 4100, 4200, 4400)
CELL_PERCENT = (0, 0, 5, 10, 25, 50, 68, 82, 92, 100, 100)
# Between one full cell and two empty ones lies what comes from a plug.
TWO_CELLS_FROM_MV = 6000
LOW_BATTERY_PERCENT = 10


def percent_of_battery(battery_mv: int) -> int | None:
    """Return how full a battery of one or two lithium cells is; None for another voltage."""
    cell_mv = battery_mv // 2 if battery_mv >= TWO_CELLS_FROM_MV else battery_mv
    if not CELL_MV[0] <= cell_mv <= CELL_MV[-1]:
        return None
    upper = max(1, bisect_left(CELL_MV, cell_mv))
    low_mv, low = CELL_MV[upper - 1], CELL_PERCENT[upper - 1]
    return round(low + (CELL_PERCENT[upper] - low) * (cell_mv - low_mv) / (CELL_MV[upper] - low_mv))
