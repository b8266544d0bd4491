"use strict";
// The graph of a campaign: accounts, and the traits that tie them. <div class="graph" data-graph="/….json" role="img" aria-label="…">
// The JSON: {nodes: [{id, label, kind: "account" | "trait", verdict, members, url}], edges: [{source, target}], said}.
// The table in the page says the same, so the drawing needs no keyboard; its buttons, [data-zoom], are in the same <figure>.
(() => {
  const LIBRARY = document.currentScript.dataset.library;
  const STYLE_ID = "__________cytoscape_stylesheet";
  const ZOOM_STEP = 1.4;
  const ROUNDS = 200, GRAVITY = 0.6, TIE_SHARE = 3;  // of the layout: judgement, on campaigns of 20 to 190 nodes
  const EDGE_X = 84, EDGE_Y = 26, LABEL_PX = 160;  // room at the edges for labels, and the longest label
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  /** Cytoscape adds a <style> unless an element has its id, and the page's policy allows no such style. */
  function forbidStyle(place) {
    if (!document.getElementById(STYLE_ID)) {
      const instead = document.createElement("meta");
      instead.id = STYLE_ID;
      document.head.append(instead);
    }
    place.style.position = "relative";  // all that its style says
  }

  function look() {
    const font = getComputedStyle(document.body).fontFamily;
    const text = { "font-family": font, "font-size": 12, color: color("ink"), "text-background-color": color("sheet"), "text-background-opacity": 0.85,
      "text-background-padding": 2, "text-wrap": "ellipsis", "text-max-width": LABEL_PX, "min-zoomed-font-size": 7 };
    return [
      { selector: "node", style: { ...text, "overlay-opacity": 0, "border-width": 0 } },
      { selector: '[kind = "account"]', style: { width: 9, height: 9, "background-color": color("faint") } },
      { selector: '[verdict = "act"]', style: { shape: "diamond", width: 12, height: 12, "background-color": color("act") || color("for") } },
      { selector: '[verdict = "review"]', style: { shape: "triangle", width: 11, height: 11, "background-color": color("review") || color("against") } },
      { selector: '[kind = "trait"]', style: { shape: "round-rectangle", width: "data(size)", height: "data(size)",
        "background-color": color("for"), "text-valign": "bottom", "text-margin-y": 3 } },
      { selector: ".named", style: { label: "data(label)" } },
      // not haystack, whose ends are drawn by chance
      { selector: "edge", style: { width: 1, "line-color": color("faint"), "line-opacity": 0.45, "curve-style": "straight", "overlay-opacity": 0, events: "no" } },
      { selector: ".apart", style: { opacity: 0.15 } },
      { selector: ".near", style: { "line-color": color("ink"), "line-opacity": 0.8 } },
      { selector: ".pointed", style: { label: "data(label)", "text-max-width": 320, "z-index": 9, "border-width": 2, "border-color": color("ink") } },
    ];
  }

  /** Places in a box of width and height: ties pull, all nodes push each other away (Fruchterman and Reingold, 1991). Nothing is drawn
      by chance, so that the same campaign looks the same each time. */
  function places(nodes, ties, width, height) {
    const ideal = 1 / Math.sqrt(nodes.length), turn = 2.399963;  // the golden angle: no two nodes begin in one place
    const at = nodes.map((_, n) => ({ x: Math.sqrt(n) * ideal * Math.cos(n * turn), y: Math.sqrt(n) * ideal * Math.sin(n * turn) }));
    for (let round = 0; round < ROUNDS; round++) {
      const push = at.map(({ x, y }) => ({ x: -GRAVITY * x, y: -GRAVITY * y }));
      const between = (a, b, strength) => {
        const x = at[a].x - at[b].x, y = at[a].y - at[b].y, far = Math.sqrt(x * x + y * y) || 1e-6, force = strength(far) / far;
        push[a].x += x * force; push[a].y += y * force; push[b].x -= x * force; push[b].y -= y * force;
      };
      for (let a = 1; a < at.length; a++) for (let b = 0; b < a; b++) between(a, b, (far) => (ideal * ideal) / far);
      for (const [a, b] of ties) between(a, b, (far) => -(far * far) / ideal / TIE_SHARE);
      const most = 0.15 * (1 - round / ROUNDS);
      at.forEach((point, n) => {
        const far = Math.hypot(push[n].x, push[n].y) || 1, step = Math.min(far, most) / far;
        point.x += push[n].x * step;
        point.y += push[n].y * step;
      });
    }
    const fitted = (axis, size, edge) => {
      const all = at.map((point) => point[axis]), least = Math.min(...all), range = Math.max(...all) - least;
      for (const point of at) point[axis] = edge + (range ? (point[axis] - least) / range : 0.5) * (size - 2 * edge);
    };
    fitted("x", width, Math.min(EDGE_X, width / 4));
    fitted("y", height, EDGE_Y);
    return at;
  }

  /** Ids of the traits whose labels have room, the largest first; the others show theirs to the pointer. */
  function labelled(nodes, at) {
    const shown = [];
    const traits = nodes.map((node, n) => ({ node, point: at[n], wide: Math.min(LABEL_PX, 6.5 * node.label.length) }));
    for (const trait of traits.filter(({ node }) => node.kind === "trait").sort((a, b) => (b.node.members ?? 0) - (a.node.members ?? 0))) {
      const clash = (other) => Math.abs(trait.point.y - other.point.y) < 18 && Math.abs(trait.point.x - other.point.x) < (trait.wide + other.wide) / 2;
      if (!shown.some(clash)) shown.push(trait);
    }
    return new Set(shown.map(({ node }) => node.id));
  }

  function elements({ nodes, edges }, width, height) {
    nodes.sort((a, b) => (a.kind === "trait" ? 0 : 1) - (b.kind === "trait" ? 0 : 1));  // traits begin in the middle
    const order = new Map(nodes.map((node, n) => [node.id, n]));
    const known = edges.filter(({ source, target }) => order.has(source) && order.has(target));
    const at = places(nodes, known.map(({ source, target }) => [order.get(source), order.get(target)]), width, height);
    const named = labelled(nodes, at);
    return [
      ...nodes.map((node, n) => ({ group: "nodes", data: { ...node, size: 10 + 1.5 * Math.sqrt(node.members ?? 1) }, position: at[n],
        classes: named.has(node.id) ? "named" : "" })),
      ...known.map(({ source, target }) => ({ group: "edges", data: { source, target } })),
    ];
  }

  function follow(event) {
    const url = new URL(event.target.data("url") ?? "", location.href), keys = event.originalEvent;
    if (!event.target.data("url") || url.origin !== location.origin) return;
    if (keys.ctrlKey || keys.metaKey) window.open(url, "_blank", "noopener");
    else location.assign(url);
  }
  function listen(cy, place) {
    cy.on("tap", "node", follow);
    cy.on("mouseover", "node", ({ target }) => {
      target.addClass("pointed");
      target.connectedEdges().addClass("near");
      cy.elements().difference(target.closedNeighborhood()).addClass("apart");
      place.style.cursor = target.data("url") ? "pointer" : "";
    });
    cy.on("mouseout", "node", () => {
      cy.elements().removeClass("pointed near apart");
      place.style.cursor = "";
    });
    const middle = () => ({ x: cy.width() / 2, y: cy.height() / 2 });
    const zoom = (by) => cy.zoom({ level: cy.zoom() * by, renderedPosition: middle() });
    let whole = cy.zoom();
    const fit = () => { cy.fit(undefined, 8); whole = cy.zoom(); };
    const uses = { in: () => zoom(ZOOM_STEP), out: () => zoom(1 / ZOOM_STEP), fit };
    for (const button of place.closest("figure")?.querySelectorAll("[data-zoom]") ?? []) button.addEventListener("click", uses[button.dataset.zoom]);
    document.addEventListener("stillhunt:theme", () => cy.style(look()));
    let width = place.clientWidth;
    new ResizeObserver(() => {
      if (!place.isConnected) return cy.destroy();
      cy.resize();
      if (place.clientWidth !== width) { width = place.clientWidth; fit(); }
    }).observe(place);
    // Cytoscape keeps every touch to itself; where all is in view, a finger scrolls the page, and a tap comes as a click
    place.parentElement.addEventListener("touchstart", (event) => {
      if (place.contains(event.target) && cy.zoom() <= whole) event.stopPropagation();
    }, { capture: true, passive: true });
  }

  async function draw(place) {
    const [answer] = await Promise.all([fetch(place.dataset.graph, { headers: { accept: "application/json" } }), stillhunt.library(LIBRARY)]);
    if (!answer.ok) throw new Error(`${place.dataset.graph}: ${answer.status}`);
    const graph = await answer.json();
    forbidStyle(place);
    const cy = cytoscape({
      container: place, elements: elements(graph, place.clientWidth, place.clientHeight), style: look(), userZoomingEnabled: false, autoungrabify: true, boxSelectionEnabled: false,
      autounselectify: true, minZoom: 0.2, maxZoom: 4,
      layout: { name: "preset", fit: false },
    });
    listen(cy, place);
    place.dataset.drawn = cy.nodes().length;
    return graph.said ?? "";
  }
  stillhunt.each(".graph[data-graph]", (place) => stillhunt.whenNear(place, async () => {
    const said = await draw(place).catch((error) => {
      console.error(error);
      place.classList.add("failed");
      return "The graph could not be drawn; the table has what it shows.";
    });
    const caption = place.closest("figure")?.querySelector("[data-graph-said]");
    if (caption) caption.textContent = said;
  }));
})();
