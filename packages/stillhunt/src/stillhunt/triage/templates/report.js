"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const cases = JSON.parse(document.getElementById("chart-data").textContent);
  const PAPER_WIDTH = 690;  // pixels across a printed page, so that labels keep their size on paper
  // CSS variables as colours: charts follow light, dark and print without being drawn again.
  const color = (name) => `var(--${name})`;
  const grouped = (value) => Math.round(value).toLocaleString("en-US");
  const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
  // as formatting.py writes shares and probabilities
  const bounded = (value, shown) => (value < 0.001 ? "< 0.1 %" : `${shown} %`);
  const percent = (share) => (share <= 0 ? "0 %" : share >= 1 ? "100 %" : share > 0.999 ? "> 99.9 %" : bounded(share, Math.floor(share * 1000 + 0.5) / 10));
  const probability = (p) => (p >= 0.98 ? "at least 98 %" : bounded(p, Math.floor(p * 1000 + 1e-9) / 10));
  const moment = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const shortDay = (ms) => new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

  const base = { animation: false, useUTC: true, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: color("soft") } };
  const tooltip = (trigger, lines) => ({
    trigger, className: "tip", confine: true, transitionDuration: 0, enterable: false,
    // built from text nodes: a log's text can never become markup
    formatter: (items) => {
      const box = document.createElement("div");
      for (const line of lines(items)) {
        const row = document.createElement("div");
        row.textContent = line;
        box.append(row);
      }
      return box;
    },
  });
  const axisLook = {
    axisLine: { lineStyle: { color: color("faint") } }, axisTick: { show: false },
    axisLabel: { color: color("soft"), fontSize: 12, alignMinLabel: "left", alignMaxLabel: "right" }, splitLine: { lineStyle: { color: color("rule") } },
    nameTextStyle: { color: color("soft"), fontSize: 12, align: "left" },
  };

  const upright = { alignMinLabel: null, alignMaxLabel: null };  // on a vertical axis labels stay right-aligned

  function timelineOption(data) {
    const step = data.times.length > 1 ? Math.min(...data.times.slice(1).map((t, i) => t - data.times[i])) : 36e5;
    const first = data.times[0], last = data.times[data.times.length - 1] + step;
    const pairs = (values) => data.times.map((t, i) => [t + step / 2, values[i]]);
    const time = (grid, labels) => ({ ...axisLook, type: "time", containShape: false, gridIndex: grid, min: first, max: last, splitLine: { show: false },
      axisLabel: { ...axisLook.axisLabel, show: labels, formatter: shortDay, hideOverlap: true } });
    const value = (grid, name) => ({ ...axisLook, type: "value", gridIndex: grid, name, nameGap: 10, splitNumber: grid ? 2 : 4, minInterval: 1,
      axisLine: { show: false }, axisLabel: { ...axisLook.axisLabel, ...upright, formatter: grouped } });
    return { ...base,
      grid: [{ left: 56, right: 8, top: 28, height: "48%", outerBoundsMode: "none" }, { left: 56, right: 8, bottom: 26, height: "18%", outerBoundsMode: "none" }],
      axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: color("faint") } },
      tooltip: tooltip("axis", (items) => {
        const i = items[0].dataIndex;
        return [`${moment(data.times[i])} UTC`, plural(data.requests[i], "request"), plural(data.accounts[i], "active account")];
      }),
      xAxis: [time(0, false), time(1, true)],
      yAxis: [value(0, "Requests"), value(1, "Active accounts")],
      series: [
        { type: "bar", data: pairs(data.requests), itemStyle: { color: color("for") }, barWidth: "82%", barMinWidth: 1, emphasis: { disabled: true } },
        { type: "line", step: "middle", data: pairs(data.accounts), xAxisIndex: 1, yAxisIndex: 1, showSymbol: false, emphasis: { disabled: true },
          lineStyle: { color: color("ink"), width: 1.25 }, itemStyle: { color: color("ink") } },
      ] };
  }

  function loadOption(data) {
    const alone = (m) => m[1] === "dedicated";
    const points = (name, wanted, hollow, tint) => ({ type: "scatter", name, symbol: "circle", symbolSize: 7, emphasis: { disabled: true },
      data: data.members.filter(wanted).map((m) => [m[3], m[4] * 100, m]),
      itemStyle: hollow ? { color: "transparent", borderColor: color(tint), borderWidth: 1.5 } : { color: color(tint), opacity: 0.5 } });
    const largest = Math.max(...data.members.map((m) => m[3])), smallest = Math.max(1, Math.min(...data.members.map((m) => m[3])));
    const wide = largest / smallest > 30;
    return { ...base,
      grid: { left: 56, right: 8, top: 28, bottom: 28, outerBoundsMode: "none" },
      tooltip: tooltip("item", (item) => {
        const m = item.data[2];
        return [m[0], `${m[1]}, ${m[2]}`, `${plural(m[3], "request")}, ${percent(m[4])} of its traffic`, `probability ${probability(m[5])}`];
      }),
      xAxis: { ...axisLook, type: wide ? "log" : "value", min: wide ? undefined : 0,
        splitLine: { show: false }, axisLabel: { ...axisLook.axisLabel, formatter: grouped } },
      yAxis: { ...axisLook, type: "value", min: 0, max: 100, interval: 50, name: "Share of its traffic", nameGap: 10, axisLine: { show: false },
        axisLabel: { ...axisLook.axisLabel, ...upright, formatter: "{value} %" } },
      series: [points("dedicated", alone, false, "for"), points("others", (m) => !alone(m), true, "against")] };
  }

  const drawn = new Map();
  function draw(place) {
    if (drawn.has(place)) return;
    const data = cases[Number(place.dataset.case)];
    const chart = echarts.init(place, null, { renderer: "svg", width: place.clientWidth || 720 });
    chart.setOption(place.dataset.chart === "timeline" ? timelineOption(data) : loadOption(data));
    drawn.set(place, chart);
    scalable(place);
  }
  function scalable(place) {  // so that print can shrink the drawing with the page
    const svg = place.querySelector("svg");
    if (svg) svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  }
  const places = [...document.querySelectorAll(".chart")];
  const DRAWN_AT_ONCE = 24;
  if (places.length <= DRAWN_AT_ONCE) {
    places.forEach(draw);
  } else {  // long reports open fast: a chart is drawn when the reader comes near
    const near = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
    }, { rootMargin: "600px" });
    places.forEach((place) => near.observe(place));
  }
  function fit(width) {
    drawn.forEach((chart, place) => {
      chart.resize({ width: width || place.clientWidth || 720 });
      chart.getZr().flush();  // drawn now, not at the next frame: the printer does not wait
      scalable(place);
    });
  }
  addEventListener("beforeprint", () => { places.forEach(draw); fit(PAPER_WIDTH); });
  addEventListener("afterprint", () => fit(0));
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (!matchMedia("print").matches) fit(0); }, 120);
  });

  const opened = [];
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open])")) { part.open = true; opened.push(part); }
  });
  addEventListener("afterprint", () => { for (const part of opened.splice(0)) part.open = false; });
})();
