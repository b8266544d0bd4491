"use strict";
// The graph of a campaign: traits and groups of members; it begins with few nodes, and grows by steps that say how many there are.
// <div class="graph" data-graph="/….json?selection" role="img" aria-label="…"> in a <figure>, and beside it [data-graph-panel] with a
// <select data-node>, [data-node-said] and [data-steps]: whatever the pointer does can be done there by keys.
// The JSON: {nodes: [{id, kind, label, members, verdict, select, href, more: [[step, number]]}], ties: [[id, id]]}; kind is trait,
// campaign, group, account or rest. A step asks the same address, with the node's selection, for its nodes.
(() => {
  const LIBRARY = document.currentScript.dataset.library;
  const STYLE_ID = "__________cytoscape_stylesheet";
  const LANES = { trait: 0, campaign: 0, group: 1, rest: 1, account: 2 }, ROW = 30, EDGE = 24;
  const STEPS = { groups: "its members in groups", accounts: "accounts", traits: "further traits" };
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

  /** Shares of the width: where the lanes are, and how long labels of traits and others are; the third lane may be empty. */
  const shares = (accounts) => accounts ? { places: [0.36, 0.5, 0.76], trait: 0.31, other: 0.22 } : { places: [0.52, 0.64, 0.9], trait: 0.46, other: 0.32 };

  function look(width, { trait, other }) {
    const text = { label: "data(label)", "font-family": getComputedStyle(document.body).fontFamily, "font-size": 12, color: color("ink"), "text-wrap": "ellipsis",
      "text-valign": "center", "text-halign": "right", "text-margin-x": 5, "text-max-width": other * width };
    return [
      { selector: "node", style: { ...text, "overlay-opacity": 0, width: "data(size)", height: "data(size)", "background-color": color("faint") } },
      { selector: '[kind = "trait"], [kind = "campaign"]', style: { shape: "round-rectangle", "background-color": color("for"), "text-halign": "left", "text-margin-x": -5, "text-max-width": trait * width } },
      { selector: '[verdict = "act"]', style: { shape: "diamond", "background-color": color("act") } },
      { selector: '[verdict = "review"]', style: { shape: "triangle", "background-color": color("review") } },
      { selector: '[kind = "rest"]', style: { "background-opacity": 0, "border-width": 1, "border-color": color("faint"), color: color("soft") } },
      // not haystack, whose ends are drawn by chance
      { selector: "edge", style: { width: 1, "line-color": color("faint"), "line-opacity": 0.6, "curve-style": "straight", "overlay-opacity": 0, events: "no" } },
      { selector: ".apart", style: { opacity: 0.25 } },
      { selector: ".chosen", style: { "border-width": 3, "border-color": color("ink"), "z-index": 9 } },
      { selector: ".near", style: { "line-color": color("ink"), "line-opacity": 0.9 } },
    ];
  }

  const element = (name, text, values = {}) => Object.assign(document.createElement(name), { textContent: text }, values);
  const count = (number) => number.toLocaleString("en-US");

  class Graph {
    constructor(place) {
      this.place = place;
      this.panel = place.closest(".graph-page")?.querySelector("[data-graph-panel]") ?? document.createElement("form");
      this.list = this.panel.querySelector("[data-node]") ?? document.createElement("select");
      this.order = [];  // ids in the order in which they stand, from the top
      this.added = new Map();  // node -> ids that its steps added
    }
    async fetch(address) {
      const answer = await fetch(address, { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
      return answer.json();
    }
    async begin() {
      const [step] = await Promise.all([this.fetch(this.place.dataset.graph), stillhunt.library(LIBRARY)]);
      forbidStyle(this.place);
      this.cy = cytoscape({ container: this.place, style: look(this.place.clientWidth, this.shares = shares(false)), userZoomingEnabled: false, userPanningEnabled: false, autoungrabify: true,
        boxSelectionEnabled: false, autounselectify: true, layout: { name: "preset" } });
      this.add(step);
      this.cy.on("tap", "node", ({ target }) => this.choose(target.id()));
      this.list.addEventListener("change", () => this.choose(this.list.value));
      document.addEventListener("stillhunt:theme", () => this.cy.style(look(this.place.clientWidth, this.shares)));
      let width = this.place.clientWidth;
      new ResizeObserver(() => {
        if (!this.place.isConnected) return this.cy.destroy();
        if (this.place.clientWidth !== width) { width = this.place.clientWidth; this.arrange(); }
      }).observe(this.place);
      // a finger scrolls the page: Cytoscape would keep every touch to itself, and a tap comes as a click
      this.place.parentElement.addEventListener("touchstart", (event) => this.place.contains(event.target) && event.stopPropagation(), { capture: true, passive: true });
      if (this.order.length) this.choose(this.order[0], false);
      return "";
    }
    /** Add nodes below the one that they belong to; a tie to a node that is there already is only drawn. */
    add({ nodes, ties }, parent = "") {
      const fresh = nodes.filter((node) => this.cy.getElementById(node.id).empty());
      const at = parent ? this.order.indexOf(parent) + 1 : this.order.length;
      this.order.splice(at, 0, ...fresh.map((node) => node.id));
      this.cy.add(fresh.map((node) => ({ group: "nodes", data: { ...node, size: Math.min(26, 9 + 2 * Math.log2(node.members || 1)) } })));
      const known = ties.filter(([a, b]) => [a, b, `${a} ${b}`].every((id, n) => this.cy.getElementById(id).nonempty() === n < 2));
      this.cy.add(known.map(([source, target]) => ({ group: "edges", data: { id: `${source} ${target}`, source, target } })));
      if (parent) this.added.set(parent, [...(this.added.get(parent) ?? []), ...fresh.map((node) => node.id)]);
      this.arrange();
      return fresh.length;
    }
    remove(id) {
      for (const child of this.added.get(id) ?? []) this.remove(child);
      this.added.delete(id);
      this.order = this.order.filter((other) => other !== id);
      this.cy.getElementById(id).remove();
    }
    collapse(id) {
      for (const child of this.added.get(id) ?? []) this.remove(child);
      this.added.delete(id);
      this.arrange();
    }
    /** Each kind has a lane, so that no label meets another; the drawing is as high as its longest lane. */
    arrange() {
      const lanes = [[], [], []];
      for (const id of this.order) lanes[LANES[this.cy.getElementById(id).data("kind")] ?? 1].push(id);
      this.shares = shares(lanes[2].length);
      this.cy.style(look(this.place.clientWidth, this.shares));
      const high = Math.max(...lanes.map((lane) => lane.length), 4) * ROW + 2 * EDGE;
      this.place.style.height = `${high}px`;
      this.cy.resize();
      this.cy.viewport({ zoom: 1, pan: { x: 0, y: 0 } });
      lanes.forEach((lane, n) => lane.forEach((id, row) => this.cy.getElementById(id).position({
        x: this.shares.places[n] * this.place.clientWidth, y: EDGE + ((row + 0.5) * (high - 2 * EDGE)) / lane.length })));
      const options = this.order.map((id) => element("option", `${this.cy.getElementById(id).data("label")}`, { value: id }));
      const before = this.list.value;
      this.list.replaceChildren(...options);
      if (this.order.includes(before)) this.list.value = before;
      this.place.dataset.drawn = this.cy.nodes().length;
    }
    choose(id, near = true) {
      const node = this.cy.getElementById(id), data = node.data();
      if (!data) return;
      this.list.value = id;
      this.cy.elements().removeClass("chosen near apart");
      node.addClass("chosen");
      if (near) {
        node.connectedEdges().addClass("near");
        this.cy.elements().difference(node.closedNeighborhood()).addClass("apart");
      }
      this.panel.querySelector("[data-node-said]")?.replaceChildren(data.kind !== "trait" && data.kind !== "campaign" ? data.label : `${data.label}: ${count(data.members)} member${data.members === 1 ? "" : "s"}`);
      this.panel.querySelector("[data-steps]")?.replaceChildren(...this.steps(id, data));
    }
    /** What can be done with a node: steps with their counts, then what leads elsewhere. */
    steps(id, data) {
      const button = (text, work) => {
        const made = element("button", text, { type: "button" });
        made.addEventListener("click", work);
        return made;
      };
      const found = (data.more ?? []).filter(([, number]) => number).map(([step, number]) => button(`Add ${STEPS[step]} (${count(number)})`, (event) => this.grow(id, data, step, event.target)));
      if (this.added.get(id)?.length) found.push(button("Collapse", () => { this.collapse(id); this.choose(id); }));
      if (this.order.length > 1) found.push(button("Hide", () => { this.remove(id); this.arrange(); this.choose(this.order[0], false); }));
      const own = (href) => href && new URL(href, location.href).origin === location.origin;
      const lead = (text, href) => own(href) && found.push(element("a", text, { href }));
      if (data.select) lead("Select only these", `${data.select}${/[?].+/.test(data.select) ? "&" : ""}view=graph`);
      lead("In the matrix", data.select);
      lead(data.kind === "campaign" ? "Open that campaign" : "Open the account", data.href);
      return found;
    }
    async grow(id, data, part, pressed) {
      pressed.disabled = true;
      const query = new URLSearchParams(data.select.split("?")[1]);
      query.set("part", part);
      query.set("node", id);
      const shown = this.order.filter((one) => one.startsWith("t")).map((one) => one.slice(1));
      for (let first = 0; first < shown.length; first += 16) query.append("shown", shown.slice(first, first + 16).join("."));
      try {
        const number = this.add(await this.fetch(`${this.place.dataset.graph.split("?")[0]}?${query}`), id);
        this.choose(id);
        this.panel.querySelector("[data-node-said]").append(`. ${count(number)} node${number === 1 ? "" : "s"} added.`);
      } catch (error) {
        console.error(error);
        this.panel.querySelector("[data-node-said]").textContent = "This could not be read; try again.";
        pressed.disabled = false;
      }
    }
  }

  stillhunt.each(".graph[data-graph]", (place) => stillhunt.whenNear(place, async () => {
    const graph = new Graph(place);
    place.graph = graph;
    const said = await graph.begin().catch((error) => {
      console.error(error);
      place.classList.add("failed");
      return "The graph could not be drawn; the matrix has what it shows.";
    });
    const caption = place.closest("figure")?.querySelector("[data-graph-said]");
    if (caption) caption.textContent = said;
  }));
})();
