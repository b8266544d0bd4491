"use strict";
// Charts, drawn from the tables that say the same: a number is in the page once, in its table.
//
// <div class="chart" data-chart="KIND" data-table="#ID" role="img" aria-label="…"> names the table. Its header cells say what a
// column is: data-axis="time|label|x" (one of each at most) or data-series="bar|step|line|point" (drawn, named by the header's text),
// with data-unit="percent" (values are shares from 0 to 1), data-tint="for|against|ink|faint" and data-dash. Cells of time, x and
// series have data-value: a time with Z, or a number; empty is unknown. What the pointer is on is told in the table's own words.
//   timeline  time; series 1 above as bars, series 2, if there, below as steps
//   trend     time; each series as a line
//   bars      label; one series, from left to right
//   load      label, x; one series as points; rows of class "other" are hollow
// Colours are CSS variables, so that a change of theme needs no drawing.
(() => {
  const LIBRARY = document.currentScript.dataset.library;
  const LOG_FROM = 30;  // largest over smallest x from which its axis is logarithmic
  const color = (name) => `var(--${name})`;
  const grouped = (value) => Math.round(value * 100) / 100 === value ? value.toLocaleString("en-US") : value.toPrecision(2);
  const percent = (value) => `${Math.round(value * 1000) / 10} %`;
  const unitOf = (column) => (column.unit === "percent" ? percent : grouped);
  const shortDay = (ms) => new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" });

  /** The columns of a table with their texts and values, and its rows. */
  function read(table) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const value = (cell, axis) => {
      const said = cell?.dataset.value ?? "";
      const number = axis === "time" ? Date.parse(said) : said === "" ? NaN : Number(said);
      return Number.isFinite(number) ? number : null;
    };
    const columns = [...table.tHead.rows[table.tHead.rows.length - 1].cells].map((head, place) => ({
      ...head.dataset, name: head.textContent.trim(),
      texts: rows.map((row) => (row.cells[place]?.textContent ?? "").replace(/\s+/g, " ").trim()),
      values: rows.map((row) => value(row.cells[place], head.dataset.axis)),
    }));
    const axis = (name) => columns.find((column) => column.axis === name);
    return { rows, axis, series: columns.filter((column) => column.series) };
  }

  function tooltip(trigger, head, columns) {
    return {
      trigger, className: "tip", confine: true, transitionDuration: 0,
      // built from text nodes: a log's text can never become markup
      formatter: (items) => {
        const place = [items].flat()[0].dataIndex, box = document.createElement("div");
        for (const line of [head.texts[place], ...columns.map((column) => `${column.name}: ${column.texts[place]}`)]) {
          const row = document.createElement("div");
          row.textContent = line;
          box.append(row);
        }
        return box;
      },
    };
  }
  const base = () => ({
    animation: false, useUTC: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: color("soft") },
    axisPointer: { lineStyle: { color: color("faint") } },
  });
  const labels = { color: color("soft"), fontSize: 12 };
  const look = {
    axisLine: { lineStyle: { color: color("faint") } }, axisTick: { show: false }, splitLine: { lineStyle: { color: color("rule") } },
    axisLabel: labels, nameGap: 10, nameTextStyle: { ...labels, align: "left" },
  };
  const still = { emphasis: { disabled: true } };
  const edges = { alignMinLabel: "left", alignMaxLabel: "right" };  // labels at the ends of an axis stay inside of the drawing
  const timeAxis = (first, last, shown, grid = 0) => ({
    ...look, type: "time", gridIndex: grid, min: first, max: last, splitLine: { show: false }, containShape: false,
    axisLabel: { ...labels, ...edges, show: shown, formatter: shortDay, hideOverlap: true },
  });
  const valueAxis = (column, name, grid = 0) => ({
    ...look, type: "value", gridIndex: grid, name, splitNumber: grid ? 2 : 4, axisLine: { show: false },
    minInterval: column.unit === "percent" ? 0 : column.values.every((value) => Number.isInteger(value ?? 0)) ? 1 : 0,
    axisLabel: { ...labels, formatter: unitOf(column) },
  });
  const spread = (values) => {
    const known = values.filter((value) => value !== null);
    return [Math.min(...known), Math.max(...known)];
  };

  function timeline({ axis, series }, tall) {
    const times = axis("time").values, [upper, lower] = series;
    const step = times.length > 1 ? Math.min(...times.slice(1).map((time, place) => time - times[place])) : 36e5;
    const [first, last] = spread(times);
    const pairs = (column) => times.map((time, place) => [time + step / 2, column.values[place]]);
    const room = tall - 28 - 26 - (lower ? 30 : 0), above = lower ? Math.round(room * 0.72) : room;  // names, times, and the lower name
    const grid = (top, height) => ({ left: 56, right: 8, top, height, outerBoundsMode: "none" });
    return {
      grid: [grid(28, above), ...(lower ? [grid(28 + above + 30, room - above)] : [])], tooltip: tooltip("axis", axis("time"), series),
      axisPointer: { ...base().axisPointer, link: [{ xAxisIndex: "all" }] },
      xAxis: [timeAxis(first, last + step, !lower), ...(lower ? [timeAxis(first, last + step, true, 1)] : [])],
      yAxis: series.slice(0, 2).map((column, n) => valueAxis(column, column.name, n)),
      series: [
        { ...still, type: "bar", data: pairs(upper), itemStyle: { color: color("for") }, barWidth: "82%", barMinWidth: 1 },
        ...(lower ? [{ ...still, type: "line", step: "middle", data: pairs(lower), xAxisIndex: 1, yAxisIndex: 1, showSymbol: false,
          lineStyle: { color: color("ink"), width: 1.25 }, itemStyle: { color: color("ink") } }] : []),
      ],
    };
  }

  function trend({ axis, series }) {
    const times = axis("time").values, several = series.length > 1, ends = series.map((column) => column.values.at(-1) ?? 0);
    const near = Math.max(...ends) - Math.min(...ends) < 0.08 * Math.max(...series.flatMap((column) => column.values));
    return {
      grid: { left: 56, right: several ? 120 : 8, top: 28, bottom: 26, outerBoundsMode: "none" }, tooltip: tooltip("axis", axis("time"), series),
      xAxis: timeAxis(...spread(times), true), yAxis: valueAxis(series[0], several ? "" : series[0].name),
      series: series.map((column, place) => {
        const tint = color(column.tint ?? "for");
        return { ...still, type: "line", name: column.name, showSymbol: times.length < 2, data: times.map((time, row) => [time, column.values[row]]),
          itemStyle: { color: tint }, lineStyle: { color: tint, width: 1.5, type: "dash" in column ? "dashed" : "solid" },
          endLabel: { ...labels, show: several, formatter: "{a}", width: 110, overflow: "truncate", offset: [0, near ? 14 * (place + 1 - series.length) : 0] } };
      }),
    };
  }

  function bars({ axis, series: [column] }) {
    const label = axis("label");
    return {
      grid: { left: 4, right: 64, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" }, tooltip: tooltip("item", label, [column]),
      xAxis: { ...look, type: "value", axisLabel: { show: false }, splitLine: { show: false }, min: 0 },
      yAxis: { ...look, type: "category", inverse: true, data: label.texts, axisLabel: { ...labels, width: 180, overflow: "truncate" } },
      series: [{ ...still, type: "bar", data: column.values, itemStyle: { color: color(column.tint ?? "for") }, barMaxWidth: 18, barMinHeight: 1,
        label: { ...labels, show: true, position: "right", formatter: (item) => column.texts[item.dataIndex] } }],
    };
  }

  function load({ axis, rows, series: [column] }) {
    const x = axis("x"), [least, most] = spread(x.values);
    const log = least > 0 && most / least > LOG_FROM;
    const other = rows.map((row) => row.classList.contains("other"));
    return {
      grid: { left: 56, right: 8, top: 28, bottom: 28, outerBoundsMode: "none" }, tooltip: tooltip("item", axis("label"), [x, column]),
      xAxis: { ...look, type: log ? "log" : "value", min: log ? undefined : 0, splitLine: { show: false }, axisLabel: { ...labels, ...edges, formatter: unitOf(x) } },
      yAxis: { ...valueAxis(column, column.name), ...(column.unit === "percent" && { min: 0, max: 1, interval: 0.5 }) },
      series: [{ ...still, type: "scatter", symbol: "circle", symbolSize: 7, data: x.values.map((value, place) => ({
        value: [value, column.values[place]],
        itemStyle: other[place] ? { color: "transparent", borderColor: color("against"), borderWidth: 1.5 } : { color: color("for"), opacity: 0.5 },
      })) }],
    };
  }
  const KINDS = { timeline, trend, bars, load };

  async function draw(place) {
    const table = document.querySelector(place.dataset.table);
    const data = table && read(table);
    if (!data?.rows.length) return;
    await stillhunt.library(LIBRARY);
    const chart = echarts.init(place, null, { renderer: "svg" });
    chart.setOption({ ...base(), ...KINDS[place.dataset.chart](data, place.clientHeight) });
    chart.on("click", (event) => {
      const link = data.rows[event.dataIndex]?.querySelector("a[href]");
      if (link) stillhunt.follow(link, event.event.event.ctrlKey || event.event.event.metaKey);
    });
    const resized = new ResizeObserver(() => {
      if (place.isConnected) return chart.resize();
      resized.disconnect();
      chart.dispose();
    });
    resized.observe(place);
  }
  const drawn = new WeakSet();
  function drawOnce(place) {
    if (drawn.has(place)) return;
    drawn.add(place);
    draw(place).catch((error) => {  // the table has the numbers
      place.classList.add("failed");
      console.error(error);
    });
  }
  stillhunt.each(".chart[data-chart]", (place) => {
    stillhunt.whenNear(place, () => drawOnce(place));
    (window.requestIdleCallback ?? setTimeout)(() => drawOnce(place));  // so that a page can be printed that nobody has scrolled
  });
})();
