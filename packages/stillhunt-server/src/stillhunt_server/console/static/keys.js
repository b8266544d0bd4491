"use strict";
// The console by keyboard, and rows of tables that lead somewhere. docs: the dialog #keys of the layout lists the keys.
(() => {
  const GO_MS = 1500;  // how long after g its second key counts
  const STILL = "a, button, input, select, textarea, label, summary, .pick, [contenteditable]";  // clicks in a row that mean themselves
  const rows = () => [...document.querySelectorAll("table[data-rows] tr[data-href]")].filter((row) => row.getClientRects().length);
  const linkOf = (row) => row.querySelector("a[href]");
  const here = () => document.querySelector("tr.here");

  function mark(row) {
    if (here() !== row) here()?.classList.remove("here");
    row.classList.add("here");
  }
  function move(step) {
    const all = rows();
    if (!all.length) return false;
    const place = all.indexOf(here());
    const row = all[place < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(place + step, 0), all.length - 1)];
    mark(row);
    linkOf(row)?.focus({ preventScroll: true });  // so that Enter, Tab and screen readers are where the mark is
    row.scrollIntoView({ block: "nearest" });
    return true;
  }
  function open() {
    const row = here(), link = row && linkOf(row);
    if (!link || document.activeElement !== document.body) return false;  // what has the focus gets the Enter
    stillhunt.follow(link, false);
    return true;
  }
  function focus(key) {
    const part = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
    if (!part) return false;
    for (let fold = part.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const control = "input:not([type=hidden]), select, textarea, button";
    const target = part.matches(control) ? part : part.querySelector(control) ?? part;
    target.focus();
    target.scrollIntoView({ block: "nearest" });
    return true;
  }
  function show(id) {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return false;
    dialog.showModal();
    return true;
  }

  const KEPT_AS = "stillhunt-single-keys";  // speech input presses keys by mistake: WCAG 2.1.4
  let off = false;
  const areOff = () => {
    try { return localStorage.getItem(KEPT_AS) === "off"; } catch { return off; }  // for this page only, then
  };
  for (const box of document.querySelectorAll("[data-single-keys]")) {
    box.checked = !areOff();
    box.addEventListener("change", () => {
      off = !box.checked;
      try { localStorage.setItem(KEPT_AS, off ? "off" : "on"); } catch { /* as above */ }
    });
  }

  let gone = -Infinity;  // when g was pressed
  const actions = {
    j: () => move(1), k: () => move(-1), Enter: open,
    e: () => focus("e"), "/": () => focus("/"), "?": () => show("keys"),
    g: (event) => { gone = event.timeStamp; return true; },
  };
  function press(event) {
    if (event.timeStamp - gone < GO_MS && event.key !== "g") {
      gone = -Infinity;
      const link = [...document.querySelectorAll("[data-go]")].find((element) => element.dataset.go === event.key);
      if (link) { stillhunt.follow(link, false); return true; }
    }
    if (Object.hasOwn(actions, event.key)) return actions[event.key](event);
    const part = [...document.querySelectorAll("[data-press]")].find((element) => element.dataset.press === event.key);
    if (part) stillhunt.use(part);
    return Boolean(part);
  }
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target;
    const closed = at.closest?.("dialog:not([open])");  // its field keeps the focus, and nobody sees it
    if (!closed && (at.matches?.("input, textarea, select") || at.isContentEditable)) {
      if (event.key === "Escape" && at.matches("[data-key]")) at.blur();
      return;
    }
    if (areOff() || document.querySelector("dialog[open]")) return;  // Escape closes it, as the browser does
    if (press(event)) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("table[data-rows] tr[data-href]");
    if (row) mark(row);
  });

  const DRAG_PX = 4;  // a pointer that moved further selected text
  let pressed = null;
  document.addEventListener("mousedown", (event) => { pressed = event; });
  const dragged = (event) => pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > DRAG_PX;
  function click(event) {
    const opener = event.target.closest("[data-opens]");
    if (opener && event.type === "click") show(opener.dataset.opens);
    const row = event.target.closest("tr[data-href]"), link = row && linkOf(row);
    if (!link || event.target.closest(STILL) || event.button > 1 || event.shiftKey || dragged(event)) return;
    stillhunt.follow(link, event.button === 1 || event.ctrlKey || event.metaKey);
  }
  document.addEventListener("click", click);
  document.addEventListener("auxclick", click);  // the middle button
})();
