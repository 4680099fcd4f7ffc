/* Draws a device's plots: .plots[data-plots] names the address, figure.plot[data-plot] which one goes where.
 *
 * Times are those of the hub, as in the tables. Where nothing was said there is no line. Without this script, and for
 * screen readers, the tables say the same.
 */
const HEIGHT_PX = 180;
// So wide that plots below each other begin at the same place, as a rule.
const AXIS_PX = 68;
// Half a date stands beyond the end of its axis.
const PADDING_PX = [10, 36, 0, 0];
const DAY_S = 86400;
const plots = document.querySelector(".plots");
const language = document.documentElement.lang || "en";

/* A colour as the canvas understands it: tokens hold both themes, and what is computed holds one. */
function inks(figure) {
  const found = {};
  for (const name of ["ink", "quiet", "wash", "grid"]) {
    const sample = document.createElement("i");
    sample.className = `plot__${name}`;
    figure.append(sample);
    found[name] = getComputedStyle(sample).color;
    sample.remove();
  }
  return found;
}

function withUnit(unit, value) {
  if (unit === "ms") return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} s`;
  if (unit === "mV") return `${(value / 1000).toFixed(2)} V`;
  if (unit === "B") {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let rest = value;
    while (rest >= 999.5 && units.length > 1) [rest] = [rest / 1000, units.shift()];
    return `${rest >= 99.95 || units[0] === "B" ? Math.round(rest) : rest.toFixed(1)} ${units[0]}`;
  }
  const written = new Intl.NumberFormat(language).format(Math.round(value)).replace("-", "\u2212");
  return unit ? `${written} ${unit}` : written;
}

function clock(zone) {
  const form = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: "h23", ...options });
  const [time, day] = [form({ hour: "2-digit", minute: "2-digit" }), form({ month: "short", day: "numeric" })];
  const month = form({ month: "short", year: "numeric" });
  const at = (form, at_s) => form.format(new Date(at_s * 1000));
  return {
    moment: (at_s) => `${at(day, at_s)} ${at(time, at_s)}`,
    day: (at_s) => at(day, at_s),
    axis(splits, step_s) {
      if (step_s >= 27 * DAY_S) return splits.map((at_s) => at(month, at_s));
      if (step_s >= DAY_S) return splits.map((at_s) => at(day, at_s));
      return splits.map((at_s) => (at(time, at_s) === "00:00" ? at(day, at_s) : at(time, at_s)));
    },
  };
}

function widest(figure, texts) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `12px ${getComputedStyle(figure).fontFamily}`;
  return Math.ceil(Math.max(AXIS_PX - 16, ...(texts || []).map((text) => pen.measureText(text).width))) + 16;
}

function paths(plot, width) {
  if (plot.form === "bars") return { paths: window.uPlot.paths.bars({ size: [0.8, 40], align: 1 }), points: { show: false } };
  if (plot.form === "dots") return { paths: () => null, points: { show: true, size: 5 } };
  const values = plot.mean.filter((value) => value !== null).length;
  // A value between two gaps has no line, so few values are points as well.
  return { points: { show: values < width / 20 ? true : undefined, size: 5 } };
}

function valueAxis(figure, plot, colours) {
  const font = `12px ${getComputedStyle(figure).fontFamily}`;
  return {
    stroke: colours.quiet,
    font,
    size: (_chart, texts) => widest(figure, texts),
    values: (_chart, splits) => splits.map((value) => withUnit(plot.unit, value)),
    // Half a picture or half a percent is none.
    incrs: ["", "%", "dBm"].includes(plot.unit) ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5] : undefined,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
  };
}

function rangeOf(plot) {
  if (plot.unit === "%") return () => [0, 100];
  if (plot.form !== "line") return (_chart, _low, high) => [0, Math.max(high || 0, 1) * 1.1];
  return (_chart, low, high) => {
    const spare = Math.max((high - low) * 0.1, Math.abs(high) * 0.01, 1);
    return [plot.unit === "B" ? Math.max(0, low - spare) : low - spare, high + spare];
  };
}

function draw(figure, plot, answer) {
  const place = figure.querySelector(".plot__drawing");
  const value = figure.querySelector(".plot__value");
  const [colours, told] = [inks(figure), clock(answer.zone)];
  const byDays = plot.form === "bars" && !["day", "week"].includes(answer.range);
  const show = (chart) => {
    const index = chart.cursor.idx;
    const known = index !== null && index !== undefined && plot.mean[index] !== null && plot.mean[index] !== undefined;
    if (!known) return void (value.textContent = value.dataset.summary);
    const [low, high] = [withUnit(plot.unit, plot.low[index]), withUnit(plot.unit, plot.high[index])];
    const when = byDays ? told.day(plot.at[index]) : told.moment(plot.at[index]);
    value.textContent = `${when} · ${withUnit(plot.unit, plot.mean[index])}${low === high ? "" : ` (${low} – ${high})`}`;
  };
  const span = [answer.since, answer.until].map((text) => Date.parse(text) / 1000);
  const isBand = plot.form === "line";
  place.replaceChildren();
  const chart = new window.uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT_PX,
      padding: PADDING_PX,
      legend: { show: false },
      cursor: { sync: { key: "plots" }, drag: { x: false, y: false }, y: false, points: { show: false } },
      tzDate: (at_s) => window.uPlot.tzDate(new Date(at_s * 1000), answer.zone),
      scales: { x: { range: () => span }, y: { range: rangeOf(plot) } },
      axes: [
        {
          stroke: colours.quiet,
          font: `12px ${getComputedStyle(figure).fontFamily}`,
          space: 64,
          size: 30,
          values: (_chart, splits, _axis, _space, step_s) => told.axis(splits, step_s),
          grid: { show: false },
          ticks: { stroke: colours.grid, width: 1, size: 4 },
        },
        valueAxis(figure, plot, colours),
      ],
      series: [
        {},
        ...(isBand ? [{ points: { show: false }, width: 0 }, { points: { show: false }, width: 0 }] : []),
        { stroke: colours.ink, fill: plot.form === "bars" ? colours.quiet : undefined, width: plot.form === "bars" ? 0 : 1.5, ...paths(plot, place.clientWidth) },
      ],
      bands: isBand ? [{ series: [1, 2], fill: colours.grid }] : [],
      hooks: { setCursor: [show] },
    },
    [plot.at, ...(isBand ? [plot.high, plot.low] : []), plot.mean],
    place,
  );
  return chart;
}

async function start() {
  const response = await fetch(plots.dataset.plots, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  const answer = await response.json();
  const figures = [...plots.querySelectorAll("[data-plot]")];
  let charts = [];
  const drawAll = () => {
    for (const chart of charts) chart.destroy();
    charts = figures.map((figure) => draw(figure, answer.plots.find(({ name }) => name === figure.dataset.plot), answer));
  };
  drawAll();
  // Their width is the page's, and their inks are the theme's.
  new ResizeObserver(() => {
    for (const chart of charts) chart.setSize({ width: chart.root.parentElement.clientWidth, height: HEIGHT_PX });
  }).observe(plots);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}

if (plots && window.uPlot) {
  start().catch((error) => {
    console.warn("The plots could not be drawn.", error);
    for (const place of plots.querySelectorAll(".plot__drawing")) place.textContent = plots.dataset.failed;
  });
}
